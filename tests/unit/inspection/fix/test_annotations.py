from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from coco_factory import annotation, clean_annotations
from inspected_data import NOT_LOOKED_AT
from train_teacher.coco.dataset import CocoDataset, image_sizes, plain_record
from train_teacher.inspection.fix.annotations import repaired_annotations, tidy
from train_teacher.inspection.fix.plan import plan_repair
from train_teacher.inspection.fix.records import ChangeLog, RepairInput

DatasetOf = Callable[..., CocoDataset]
Written = tuple[list[Any], dict[str, tuple[Any, ...]]]


def repaired(dataset: CocoDataset) -> Written:
    """Return what is yielded, and the ids noted by code."""
    given = RepairInput(dataset, NOT_LOOKED_AT, image_sizes(dataset))
    log = ChangeLog()
    images = {row: image.id for row, image in enumerate(dataset.images)}
    classes = {row: category.id for row, category in enumerate(dataset.categories)}
    records = list(repaired_annotations(given, plan_repair(given, ()), images, classes, log))
    return records, {change.code: change.ids for change in log.changes()}


def test_records_in_order_are_passed_on_byte_by_byte(dataset_of: DatasetOf) -> None:
    dataset = dataset_of()
    records, noted = repaired(dataset)

    assert all(isinstance(record, msgspec.Raw) for record in records)
    assert [bytes(record) for record in records] == [bytes(r) for r in dataset.raw_annotations]
    assert not noted


def test_only_the_record_with_a_mistake_is_written_anew(dataset_of: DatasetOf) -> None:
    boxes = [*clean_annotations(), annotation(90, bbox=["6", 7, 20, 10], mine="kept")]
    records, noted = repaired(dataset_of(annotations=boxes))

    assert [isinstance(r, msgspec.Raw) for r in records] == [True] * (len(boxes) - 1) + [False]
    assert records[-1]["bbox"] == [6, 7, 20, 10]
    assert records[-1]["mine"] == "kept"
    assert noted == {"F5": (90,)}


def test_a_removed_record_is_noted_with_its_id(dataset_of: DatasetOf) -> None:
    boxes = [*clean_annotations(), annotation(90, bbox=[4, 5, 0, 10])]
    records, noted = repaired(dataset_of(annotations=boxes))

    assert len(records) == len(boxes) - 1
    assert noted == {"B1": (90,)}


def test_a_record_of_which_nothing_can_be_read_stays_as_it_stands(dataset_of: DatasetOf) -> None:
    boxes: list[Any] = [*clean_annotations(), annotation(90, image_id={})]
    records, noted = repaired(dataset_of(annotations=boxes))

    assert plain_record(records[-1])["image_id"] == {}
    assert not noted


@pytest.mark.parametrize(("value", "written"), [(4.0, 4), (4.5, 4.5), (-0.0, 0)])
def test_whole_numbers_are_written_as_such(value: float, written: float) -> None:
    assert tidy(value) == written
    assert type(tidy(value)) is type(written)
