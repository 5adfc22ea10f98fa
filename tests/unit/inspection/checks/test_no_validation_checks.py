from __future__ import annotations

from pathlib import Path

import pytest

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
