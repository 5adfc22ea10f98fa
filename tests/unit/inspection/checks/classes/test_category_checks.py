from __future__ import annotations

from typing import Any

import pytest

from coco_factory import annotation, category
from inspected_data import file_of, only
from train_teacher.coco.categories import real_categories
from train_teacher.inspection.checks.classes.category_checks import check_categories

ROBOFLOW = [
    category(0, "sharks", supercategory="none"),
    category(1, "cat", supercategory="sharks"),
    category(2, "dog", supercategory="sharks"),
]


def test_the_roboflow_root_is_n12_and_no_class(dataset_of: Any) -> None:
    dataset = dataset_of(categories=ROBOFLOW)

    assert only(check_categories(file_of(dataset)), "N12").severity == "info"
    assert [c.name for c in real_categories(dataset)] == ["cat", "dog"]


def test_a_root_that_is_used_stays_a_class(dataset_of: Any) -> None:
    dataset = dataset_of(categories=ROBOFLOW, annotations=[annotation(1, category_id=0)])

    assert check_categories(file_of(dataset)) == []
    assert len(real_categories(dataset)) == 3


def test_placeholder_supercategories_drop_nothing(dataset_of: Any) -> None:
    plain = [category(1, "cat", supercategory="none"), category(2, "none", supercategory="none")]

    dataset = dataset_of(categories=plain, annotations=[annotation(1)])

    # A class that is really called "none" is still named as a parent: unused, it goes.
    assert [c.name for c in real_categories(dataset)] == ["cat"]
    assert len(real_categories(dataset_of(categories=plain[:1]))) == 1


@pytest.mark.parametrize(
    "name", ["background", "_background_", "DontCare", "dont_care", "ignored regions", "BG"]
)
def test_a_labelled_word_for_what_is_not_to_be_learnt_is_an_n12_warning(
    dataset_of: Any, name: str
) -> None:
    names = [category(1, "cat"), category(2, "red car"), category(3, name)]
    labelled = [annotation(1), annotation(2, 1, 2), annotation(3, 1, 3)]

    dataset = dataset_of(categories=names, annotations=labelled)
    finding = only(check_categories(file_of(dataset)), "N12")

    assert (finding.severity, finding.ids) == ("warning", (3,))
    assert "iscrowd" in finding.fix
    assert len(real_categories(dataset)) == 3


@pytest.mark.parametrize("name", ["background", "None", "objects"])
def test_a_word_for_no_object_is_an_n12_warning_and_no_class_unless_it_is_labelled(
    dataset_of: Any, name: str
) -> None:
    names = [category(1, "cat"), category(2, "red car"), category(3, name)]
    labelled = [annotation(1), annotation(2, 1, 2), annotation(3, 1, 3)]

    dataset = dataset_of(categories=names)
    finding = only(check_categories(file_of(dataset)), "N12")

    assert (finding.severity, finding.ids) == ("warning", (3,))
    assert [c.name for c in real_categories(dataset)] == ["cat", "red car"]
    labelled_set = dataset_of(categories=names, annotations=labelled)
    assert len(real_categories(labelled_set)) == 3
    if name == "objects":
        assert check_categories(file_of(labelled_set)) == []


def test_an_unused_background_entry_of_labelme_is_n12(dataset_of: Any) -> None:
    dataset = dataset_of(categories=[category(0, "_background_"), category(1, "cat")])

    assert [c.name for c in real_categories(dataset)] == ["cat"]


def test_a_root_named_like_its_only_class_is_n12_and_no_class(dataset_of: Any) -> None:
    names = [category(0, "cat", supercategory="none"), category(1, "cat", supercategory="cat")]
    dataset = dataset_of(categories=names, annotations=[annotation(1, 1, 1)])

    assert only(check_categories(file_of(dataset)), "N12").severity == "info"
    assert [c.id for c in real_categories(dataset)] == [1]


def test_a_class_named_twice_without_a_root_stays_two_classes(dataset_of: Any) -> None:
    dataset = dataset_of(
        categories=[category(0, "cat"), category(1, "cat")], annotations=[annotation(1, 1, 1)]
    )

    assert [c.id for c in real_categories(dataset)] == [0, 1]
