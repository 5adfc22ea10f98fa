from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from coco_factory import annotation, category, image
from train_teacher.coco.categories import (
    decoded_record,
    detect_exporter,
    dummy_categories,
    is_federated,
    real_categories,
)
from train_teacher.coco.dataset import CocoDataset

DatasetOf = Callable[..., CocoDataset]


def names(categories: Any) -> list[str]:
    return [category.name for category in categories]


def test_the_root_that_roboflow_adds_is_no_class(dataset_of: DatasetOf) -> None:
    data = dataset_of(
        categories=[category(0, "animals"), category(1, "cat", supercategory="animals")],
        annotations=[annotation(1, category_id=1)],
    )

    assert names(dummy_categories(data)) == ["animals"]
    assert names(real_categories(data)) == ["cat"]


def test_a_root_with_the_name_of_its_class_is_no_second_class(dataset_of: DatasetOf) -> None:
    data = dataset_of(
        categories=[category(0, "cat"), category(1, "cat", supercategory="cat")],
        annotations=[annotation(1, category_id=1)],
    )

    assert [c.index for c in real_categories(data)] == [1]


@pytest.mark.parametrize("name", ["_background_", "background", "None", "__ignore__"])
def test_entries_that_exporters_add_count_only_when_somebody_labelled_them(
    dataset_of: DatasetOf, name: str
) -> None:
    categories = [category(1, "cat"), category(2, name)]
    unused = dataset_of(categories=categories, annotations=[annotation(1)])
    used = dataset_of(categories=categories, annotations=[annotation(1, category_id=2)])

    assert names(real_categories(unused)) == ["cat"]
    assert names(real_categories(used)) == ["cat", name]


def test_an_unused_class_that_is_nobody_s_root_stays(dataset_of: DatasetOf) -> None:
    data = dataset_of(
        categories=[category(1, "cat", supercategory="animal"), category(2, "dog")],
        annotations=[annotation(1)],
    )

    assert names(real_categories(data)) == ["cat", "dog"]


def test_a_file_in_which_no_class_is_used_keeps_them_all(dataset_of: DatasetOf) -> None:
    data = dataset_of(
        categories=[category(0, "animals"), category(1, "none", supercategory="animals")],
        annotations=[annotation(1, category_id=99)],
    )

    assert names(real_categories(data)) == ["animals", "none"]


@pytest.mark.parametrize(
    ("content", "exporter"),
    [
        ({"info": {"contributor": "Roboflow"}}, "Roboflow"),
        ({"images": [image(1, "a.rf.0123.jpg")]}, "Roboflow"),
        ({"categories": [category(0, "_background_"), category(1, "cat")]}, "labelme"),
        ({"annotations": [annotation(1, attributes={"occluded": False})]}, "CVAT"),
        ({"annotations": [annotation(1, isbbox=True, color="#fff")]}, "COCO Annotator"),
        ({}, None),
    ],
)
def test_a_program_is_known_by_its_fingerprints(
    dataset_of: DatasetOf, content: dict[str, Any], exporter: str | None
) -> None:
    assert detect_exporter(dataset_of(**content)) == exporter


def test_lvis_is_known_by_the_classes_that_were_looked_for(dataset_of: DatasetOf) -> None:
    assert is_federated(["neg_category_ids"])
    assert not is_federated(["file_name"])
    assert detect_exporter(dataset_of(), ["not_exhaustive_category_ids"]) == "LVIS"


def test_a_record_that_is_no_object_decodes_to_nothing() -> None:
    assert decoded_record(msgspec.Raw(b'{"a": 1}')) == {"a": 1}
    assert decoded_record(msgspec.Raw(b"[1]")) == {}
    assert decoded_record(msgspec.Raw(b"{")) == {}
