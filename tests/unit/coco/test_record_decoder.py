from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from coco_factory import annotation, image
from train_teacher.coco.dataset import RecordProblem, Section
from train_teacher.coco.record_decoder import AnnotationEntry, ImageEntry, RecordReader


def read(
    record: Any, kind: type[msgspec.Struct] = AnnotationEntry, section: Section = "annotations"
) -> tuple[Any, dict[str, tuple[str, str]]]:
    """Return the record number 7, and message and outcome of each problem by its path."""
    problems: list[RecordProblem] = []
    raw = msgspec.Raw(json.dumps(record).encode())
    entry = RecordReader(kind, section, problems).read(7, raw)
    return entry, {p.path: (p.message, p.outcome) for p in problems}


def test_a_record_without_a_mistake_has_no_problem() -> None:
    entry, told = read(annotation(1))

    assert (entry.id, entry.bbox, entry.area, told) == (1, (4, 5, 20, 10), 200, {})


def test_every_mistake_of_one_record_is_told() -> None:
    bad = annotation(1, bbox=["1", "2", 30, 40], area="x", iscrowd="no", ignore="maybe")
    entry, told = read(bad)

    assert {path: outcome for path, (_, outcome) in told.items()} == {
        "annotations[7].bbox[0]": "converted",
        "annotations[7].bbox[1]": "converted",
        "annotations[7].area": "ignored",
        "annotations[7].iscrowd": "ignored",
        "annotations[7].ignore": "ignored",
    }
    assert entry.bbox == (1, 2, 30, 40)
    assert (entry.area, entry.iscrowd, entry.ignore) == (None, None, None)


def test_a_record_that_points_to_a_list_is_lost() -> None:
    entry, told = read(annotation(1, image_id=[1, 2]))

    assert entry is None
    assert told == {"annotations[7].image_id": ("should be a whole number or text", "lost")}


def test_a_name_or_an_id_inside_a_list_is_taken_out() -> None:
    kept, told = read(image([1], ["a.jpg"]), ImageEntry, "images")

    assert (kept.id, kept.file_name) == (1, "a.jpg")
    assert {outcome for _, outcome in told.values()} == {"converted"}


def test_an_image_without_a_name_is_lost_unless_it_has_an_address() -> None:
    assert read(image(1, []), ImageEntry, "images")[0] is None
    kept, told = read(image(1, [], coco_url="http://x/a.jpg"), ImageEntry, "images")

    assert kept.file_name is None
    assert told == {"images[7].file_name": ("should be text", "ignored")}


@pytest.mark.parametrize("record", [7, "a", [1], None])
def test_what_is_no_record_is_lost_as_a_whole(record: Any) -> None:
    entry, told = read(record)

    assert entry is None
    assert told == {"annotations[7]": ("should be an object", "lost")}


def test_damaged_text_is_told_and_does_not_stop_the_records_beside_it() -> None:
    problems: list[RecordProblem] = []
    reader = RecordReader(AnnotationEntry, "annotations", problems)
    whole = msgspec.Raw(json.dumps(annotation(1)).encode())
    found = list(reader.read_all([whole, msgspec.Raw(b'{"id": 1'), whole]))

    assert [index for index, _ in found] == [0, 2]
    assert [(p.path, p.outcome) for p in problems] == [("annotations[1]", "lost")]


def test_a_long_value_is_shown_shortened() -> None:
    problems: list[RecordProblem] = []
    RecordReader(AnnotationEntry, "annotations", problems).read(0, annotation(1, area="x" * 500))

    assert len(problems[0].value) < 100
