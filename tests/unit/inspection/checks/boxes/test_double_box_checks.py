from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from coco_factory import annotation, category, coco, image
from inspected_data import file_of
from train_teacher.coco.reader import read_coco
from train_teacher.inspection.checks.boxes import double_box_checks
from train_teacher.inspection.checks.boxes.double_box_checks import check_double_boxes

Labelled = tuple[int, list[float]]


def told(folder: Path, boxes: Sequence[Labelled]) -> list[tuple[str, tuple[object, ...]]]:
    """Return what is said of boxes of one image, given as class and xywh."""
    path = folder / "data.json"
    annotations = [
        annotation(n, category_id=label, bbox=box, area=1) for n, (label, box) in enumerate(boxes)
    ]
    categories = [category(1, "cat"), category(2, "dog")]
    path.write_text(json.dumps(coco([image(1)], annotations, categories)), encoding="utf-8")
    findings = check_double_boxes(file_of(read_coco(path)))
    return [(f.message.split(" (")[0], f.ids) for f in findings]


def column(count: int) -> list[Labelled]:
    return [(1, [20, 40.0 * n, 60, 30]) for n in range(count)]


@pytest.mark.parametrize("count", [4, 60])
def test_a_copy_is_found_beyond_any_number_of_boxes_with_the_same_left_edge(
    tmp_path: Path, count: int
) -> None:
    boxes = [*column(count), (1, [20, 0, 60, 30])]

    assert told(tmp_path, boxes) == [("1 box drawn twice on the same object", (count,))]


def test_a_near_copy_is_found_behind_small_boxes_between(tmp_path: Path) -> None:
    inside: list[Labelled] = [(2, [21.0 + n, 30 + 35 * n, 20, 20]) for n in range(4)]
    boxes: list[Labelled] = [(1, [20, 20, 200, 150]), *inside, (1, [25, 20, 197, 150])]

    assert told(tmp_path, boxes) == [("1 box drawn twice on the same object", (5,))]


def test_each_later_copy_is_named_once(tmp_path: Path) -> None:
    assert told(tmp_path, [column(1)[0]] * 4) == [
        ("3 boxes drawn twice on the same object", (1, 2, 3))
    ]


def test_boxes_of_two_classes_on_one_object_are_told_apart(tmp_path: Path) -> None:
    boxes = [(1, [5.0, 5, 30, 20]), (2, [5.0, 5, 30, 20]), (1, [5.0, 5, 30, 20])]

    assert told(tmp_path, boxes) == [
        ("1 box drawn twice on the same object", (2,)),
        ("2 boxes on the same object as a box of another class", (1, 2)),
    ]


def test_neighbours_are_no_copies(tmp_path: Path) -> None:
    assert told(tmp_path, [*column(30), (1, [22, 10, 60, 30])]) == []


def test_beyond_the_budget_exact_copies_are_still_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(double_box_checks, "MOST_PAIRS", 2)
    boxes = [*column(60), (1, [20, 0, 60, 30]), (2, [20, 0, 60, 30])]

    assert told(tmp_path, boxes) == [
        ("1 box drawn twice on the same object", (60,)),
        ("1 box on the same object as a box of another class", (61,)),
    ]
