from __future__ import annotations

from typing import Any

import pytest

from coco_factory import annotation
from inspected_data import file_of, only
from train_teacher.inspection.checks.boxes.area_and_crowd_checks import check_attributes


@pytest.mark.parametrize(
    ("changes", "code", "severity"),
    [
        ({"area": ...}, "B9", "warning"),
        ({"area": 0}, "B10", "warning"),
        ({"area": 900}, "B11", "info"),
        ({"area": 20}, "B11", "info"),
        ({"iscrowd": ...}, "B12", "warning"),
        ({"iscrowd": 1}, "B13", "warning"),
        ({"ignore": True}, "F6", "warning"),
    ],
)
def test_area_and_flags_have_their_codes(
    dataset_of: Any, changes: dict[str, Any], code: str, severity: str
) -> None:
    dataset = dataset_of(annotations=[annotation(1), annotation(2), annotation(3, **changes)])

    finding = only(check_attributes(file_of(dataset)), code)

    assert (finding.severity, finding.count) == (severity, 1)
    assert finding.examples[0].annotation_id == 3


def test_a_small_area_is_fine_beside_a_mask(dataset_of: Any) -> None:
    polygon = [[4, 5, 24, 5, 24, 15]]
    masked = annotation(1, area=100, segmentation=polygon)
    other = annotation(2, area=20, segmentation=polygon)

    assert check_attributes(file_of(dataset_of(annotations=[masked]))) == []
    assert only(check_attributes(file_of(dataset_of(annotations=[masked, other]))), "B11").ids == (
        2,
    )


def test_a_class_with_only_crowds_is_a_b13_error(dataset_of: Any) -> None:
    many = [annotation(i) for i in range(1, 200)]
    dataset = dataset_of(annotations=[*many, annotation(200, category_id=2, iscrowd=1)])

    finding = only(check_attributes(file_of(dataset)), "B13")

    assert finding.severity == "error"
    assert '"red car"' in finding.message
