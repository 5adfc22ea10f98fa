from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from coco_factory import annotation, category
from inspected_data import read
from train_teacher.coco.attribute_classes import with_classes_from
from train_teacher.coco.dataset import CocoDataset
from train_teacher.core.errors import UserError


def vehicles(folder: Path, *members: dict[str, Any]) -> CocoDataset:
    return read(
        folder,
        annotations=[annotation(n, **each) for n, each in enumerate(members, 1)],
        categories=[category(1, "vehicle")],
    )


def kind(value: Any) -> dict[str, Any]:
    return {"attributes": {"type": value, "occluded": False}}


def classes(dataset: CocoDataset) -> list[str]:
    return [dataset.categories[row].name for row in dataset.annotations.category_row.tolist()]


def test_each_value_of_an_attribute_is_a_class(tmp_path: Path) -> None:
    dataset = vehicles(tmp_path, kind("truck"), kind("car"), kind(" car "), kind(7))

    made = with_classes_from(dataset, "attributes.type")

    assert classes(made) == ["truck", "car", "car", "7"]
    assert [c.name for c in made.categories] == ["7", "car", "truck"]


def test_annotations_without_a_value_keep_their_category(tmp_path: Path) -> None:
    dataset = vehicles(tmp_path, kind("truck"), kind(None), kind(""), {}, kind(True))

    assert classes(with_classes_from(dataset, "attributes.type")) == ["truck", *["vehicle"] * 4]


def test_a_member_of_the_annotation_itself_makes_classes_too(tmp_path: Path) -> None:
    dataset = vehicles(tmp_path, {"make": "a"}, {"make": "b"})

    assert classes(with_classes_from(dataset, "make")) == ["a", "b"]


def test_a_member_that_no_annotation_has_is_refused_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"attributes\.typ .*\"attributes\.type\""):
        with_classes_from(vehicles(tmp_path, kind("car")), "attributes.typ")
