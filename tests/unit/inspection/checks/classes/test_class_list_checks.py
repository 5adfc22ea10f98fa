from __future__ import annotations

from typing import Any

import pytest

from coco_factory import Record, category
from inspected_data import file_of, only
from train_teacher.coco.dataset import CocoDataset
from train_teacher.inspection.checks.classes.class_list_checks import check_names_between
from train_teacher.inspection.facts import Finding


def between(train: CocoDataset, val: CocoDataset) -> list[Finding]:
    return check_names_between(file_of(val, name="val", train=train))


@pytest.mark.parametrize(
    ("categories", "severity", "text"),
    [
        ([category(1, "red car"), category(2, "cat")], "warning", "another order"),
        ([category(1, "cat")], "warning", 'lacks "red car"'),
        ([category(1, "cat"), category(2, "car")], "error", 'that train lacks: "car"'),
        ([category(1, "cat"), category(2, "red car"), category(3, "bus")], "warning", '"bus"'),
        ([category(1, " cat"), category(2, "red  car")], "warning", "other spaces"),
        ([category(1, "Cat"), category(2, "Red Car")], "warning", "capitals"),
    ],
)
def test_category_lists_that_differ_are_n13(
    dataset_of: Any, categories: list[Record], severity: str, text: str
) -> None:
    train, val = dataset_of(), dataset_of(categories=categories)

    finding = only(between(train, val), "N13")

    assert (finding.severity, finding.split) == (severity, "val")
    assert text in finding.message


def test_a_class_that_val_has_twice_is_n3_and_no_other_order(dataset_of: Any) -> None:
    twice = [category(1, "cat"), category(2, "red car"), category(3, "cat")]

    finding = only(between(dataset_of(), dataset_of(categories=twice)), "N3")

    assert (finding.severity, finding.ids) == ("warning", (1, 3))


def test_every_class_out_of_place_or_missing_is_named_by_its_id(dataset_of: Any) -> None:
    names = [category(n, name) for n, name in enumerate(("cat", "red car", "bus", "tree"), 1)]
    train = dataset_of(categories=names)
    swapped = dataset_of(categories=[names[0], names[2], names[1], names[3]])
    fewer = dataset_of(categories=names[:3])

    assert only(between(train, swapped), "N13").ids == (3, 2)
    assert only(between(train, fewer), "N13").ids == (4,)


def test_equal_category_lists_with_other_ids_are_fine(dataset_of: Any) -> None:
    other = dataset_of(categories=[category(7, "cat"), category(9, "red car")], annotations=[])

    assert between(dataset_of(), other) == []


def test_a_class_whose_accent_is_stored_otherwise_is_matched(dataset_of: Any) -> None:
    train = dataset_of(categories=[category(1, "caf\u00e9"), category(2, "bus")])
    val = dataset_of(categories=[category(1, "cafe\u0301"), category(2, "bus")])

    finding = only(between(train, val), "N13")

    assert (finding.severity, "(NFC, NFD)" in finding.message) == ("warning", True)
