from __future__ import annotations

from pathlib import Path

import pytest

from coco_factory import annotation
from inspected_data import data_of, file_of, read
from train_teacher.inspection.checks.no_validation_checks import check_no_validation


@pytest.mark.parametrize(
    ("names", "codes"),
    [
        (["train"], []),
        (["train", "val"], []),
        (["train", "val", "test"], []),
        (["train", "test"], ["D9"]),
    ],
)
def test_a_test_file_without_a_val_file_is_d9(
    tmp_path: Path, names: list[str], codes: list[str]
) -> None:
    dataset = read(tmp_path)

    findings = check_no_validation(data_of(*(file_of(dataset, name=name) for name in names)))

    assert [f.code for f in findings] == codes


@pytest.mark.parametrize(
    ("image_ids", "told"),
    [
        ([2, 2, 2], "all 3 annotations have one image_id (2), and 12 images are listed"),
        ([2, 2, 99], "all 2 boxes lie in one image, and 12 images are listed"),
    ],
)
def test_boxes_of_one_image_only_leave_nothing_to_validate_on(
    tmp_path: Path, image_ids: list[int], told: str
) -> None:
    dataset = read(tmp_path, annotations=[annotation(n, id_) for n, id_ in enumerate(image_ids)])

    (finding,) = check_no_validation(data_of(dataset))

    assert (finding.code, finding.severity, finding.message) == ("D9", "error", told)


def test_boxes_of_one_image_are_enough_to_train_where_there_is_a_val_file(tmp_path: Path) -> None:
    dataset = read(tmp_path, annotations=[annotation(1, 2), annotation(2, 2)])

    assert check_no_validation(data_of(dataset, file_of(dataset, name="val"))) == []
