from __future__ import annotations

from typing import Any

import pytest

from coco_factory import annotation, image
from inspected_data import NO_ROWS, file_of, only
from train_teacher.images.facts import ImageFiles
from train_teacher.inspection.checks.file_checks import check_file

NAN = float("nan")


def test_repaired_text_is_reported_as_f2(dataset_of: Any) -> None:
    dataset = dataset_of(annotations=[annotation(1, area=NAN)])

    assert only(check_file(file_of(dataset)), "F2").severity == "info"


def test_numbers_written_as_text_are_one_f5_warning(dataset_of: Any) -> None:
    bad = [annotation(i, bbox=["1", 2, 3, 4]) for i in range(1, 6)]

    finding = only(check_file(file_of(dataset_of(annotations=bad))), "F5")

    assert (finding.severity, finding.count) == ("warning", 5)
    assert finding.message == (
        'annotations[0].bbox[0]: "1" should be a number (5 records like this)'
    )
    assert [e.path for e in finding.examples] == [f"annotations[{i}].bbox[0]" for i in range(3)]


@pytest.mark.parametrize(("good", "severity"), [(30, "warning"), (3, "error")])
def test_unreadable_records_are_an_f5_error_from_five_percent_on(
    dataset_of: Any, good: int, severity: str
) -> None:
    records = [annotation(i + 2) for i in range(good)] + [annotation(1, image_id=[1, 2])]

    finding = only(check_file(file_of(dataset_of(annotations=records))), "F5")

    assert (finding.severity, finding.count) == (severity, 1)


def test_an_image_without_size_is_f8_warning_when_the_file_tells(dataset_of: Any) -> None:
    dataset = dataset_of(images=[image(1), image(2, width=None), image(3, height=0)])

    findings = check_file(file_of(dataset, ImageFiles(None, NO_ROWS, {1: (64, 48)}, checked=True)))

    assert [(f.code, f.severity, f.examples[0].file) for f in findings] == [
        ("F8", "warning", "2.jpg"),
        ("F8", "error", "3.jpg"),
    ]


def test_rotated_boxes_are_an_f5_that_promises_no_repair(dataset_of: Any) -> None:
    rotated = [annotation(i, bbox=[10, 10, 30, 5, 0.35]) for i in range(1, 4)]

    finding = only(check_file(file_of(dataset_of(annotations=rotated))), "F5")

    assert "rotated box: five numbers, the last an angle in radians" in finding.message
    assert finding.fix.startswith("Check a few with --html")


@pytest.mark.parametrize(("angle", "doubted"), [(0.35, True), (2, False)])
def test_angles_that_nothing_tells_from_degrees_are_named_with_what_to_write(
    dataset_of: Any, angle: float, doubted: bool
) -> None:
    rotated = [annotation(i, bbox=[30, 20, 30, 5, angle], area=150) for i in range(1, 4)]

    finding = only(check_file(file_of(dataset_of(annotations=rotated))), "F5")

    assert finding.severity == "warning"
    assert ("nothing in the file shows" in finding.message) is doubted
    assert ("angle * pi / 180" in finding.fix) is doubted


def test_sizes_of_0_are_told_to_lose_boxes_and_missing_ones_to_stop_mmdetection(
    dataset_of: Any,
) -> None:
    files = ImageFiles(None, NO_ROWS, {0: (64, 48)}, checked=True)
    zero = dataset_of(images=[image(1, width=0, height=0)])
    members = ("id", "file_name", "width", "height")

    assert "silently" in only(check_file(file_of(zero, files, members=members)), "F8").consequence
    assert "KeyError" in only(check_file(file_of(zero, files)), "F8").consequence
