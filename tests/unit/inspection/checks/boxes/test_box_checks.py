from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from coco_factory import Record, annotation
from inspected_data import file_of, only
from train_teacher.inspection.checks.boxes.box_checks import check_boxes

NAN = float("nan")


def boxes(*xywh: Sequence[float]) -> list[Record]:
    return [annotation(i + 1, bbox=list(b), area=b[2] * b[3]) for i, b in enumerate(xywh)]


@pytest.mark.parametrize(("good", "severity"), [(30, "warning"), (4, "error")])
@pytest.mark.parametrize(("size", "code"), [((0, 5), "B1"), ((5, -2), "B1"), ((0.5, 5), "B2")])
def test_boxes_without_size_are_b1_or_b2(
    dataset_of: Any, size: tuple[float, float], code: str, good: int, severity: str
) -> None:
    dataset = dataset_of(annotations=boxes(*[(1, 2, 20, 10)] * good, (1, 2, *size)))

    finding = only(check_boxes(file_of(dataset)), code)

    assert (finding.severity, finding.count) == (severity, 1)


@pytest.mark.parametrize(("good", "severity"), [(30, "warning"), (4, "error")])
def test_boxes_that_are_no_numbers_are_tolerated_up_to_a_few(
    dataset_of: Any, good: int, severity: str
) -> None:
    dataset = dataset_of(annotations=boxes(*[(1, 2, 20, 10)] * good, (NAN, NAN, NAN, NAN)))

    assert only(check_boxes(file_of(dataset)), "B7").severity == severity


def test_normalised_boxes_are_one_b3_error(dataset_of: Any) -> None:
    dataset = dataset_of(annotations=boxes(*[(0.1 * i, 0.2, 0.3, 0.4) for i in range(6)]))

    findings = check_boxes(file_of(dataset))

    assert [(f.code, f.severity, f.count) for f in findings] == [("B3", "error", 6)]


def test_corner_boxes_are_one_b4_error(dataset_of: Any) -> None:
    rng = np.random.default_rng(0)
    low = rng.uniform(0, (30, 20), (40, 2))
    high = low + rng.uniform(5, (34, 28), (40, 2))
    dataset = dataset_of(annotations=boxes(*np.hstack([low, high]).round(1).tolist()))

    findings = check_boxes(file_of(dataset))

    assert [(f.code, f.severity) for f in findings] == [("B4", "error")]


def test_large_boxes_near_the_corner_are_not_taken_for_corners(dataset_of: Any) -> None:
    dataset = dataset_of(annotations=boxes(*[(1, 1, 60 - i % 7, 46 - i % 5) for i in range(30)]))

    assert check_boxes(file_of(dataset)) == []


def test_boxes_outside_are_b6(dataset_of: Any) -> None:
    inside = [(4, 5, 20, 10)] * 20
    dataset = dataset_of(annotations=boxes(*inside, (70, 1, 5, 5), (50, 1, 30, 5), (50, 1, 15, 5)))

    findings = check_boxes(file_of(dataset))

    assert [(f.code, f.severity, f.examples[0].annotation_id) for f in findings] == [
        ("B6", "warning", 21),
        ("B6", "warning", 22),
    ]


@pytest.mark.parametrize("value", [NAN, float("inf"), 1e9])
def test_boxes_with_impossible_numbers_are_b7(dataset_of: Any, value: float) -> None:
    dataset = dataset_of(annotations=[annotation(1), annotation(2, bbox=[1, value, 3, 4])])

    finding = only(check_boxes(file_of(dataset)), "B7")

    assert (finding.severity, finding.examples[0].annotation_id) == ("error", 2)


def test_a_missing_box_is_b8_and_a_warning_when_the_polygon_tells(dataset_of: Any) -> None:
    polygon = [[4, 5, 24, 5, 24, 15]]
    dataset = dataset_of(
        annotations=[annotation(1, bbox=..., segmentation=polygon), annotation(2, bbox=...)]
    )

    findings = check_boxes(file_of(dataset))

    assert [(f.code, f.severity, f.count) for f in findings] == [
        ("B8", "warning", 1),
        ("B8", "error", 1),
    ]


def test_boxes_of_nothing_but_zeros_have_no_size_and_are_not_called_normalised(
    dataset_of: Any,
) -> None:
    dataset = dataset_of(annotations=[annotation(n, bbox=[0, 0, 0, 0]) for n in range(1, 5)])

    assert [f.code for f in check_boxes(file_of(dataset))] == ["B1"]
