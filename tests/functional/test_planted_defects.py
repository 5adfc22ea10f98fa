"""Every planted defect is found under its code, and nothing else is reported."""

from __future__ import annotations

from pathlib import Path

import pytest

from planted import DEFECTS, spoil
from train_teacher.application.inspect_data import InspectRequest, inspect_data

COMPANIONS = {"B3": {"D6"}, "F9": {"I10"}, "R10": {"I10"}, "I5": {"I6"}}
"""What a defect brings with it by its nature: with all boxes lost there is nothing to train."""


def found(path: Path) -> list[str]:
    return [finding.code for finding in inspect_data(InspectRequest(data=path)).findings]


def test_the_clean_set_has_no_finding(tmp_path: Path) -> None:
    assert found(spoil(tmp_path)) == []


@pytest.mark.parametrize("code", DEFECTS)
def test_a_planted_defect_is_found_and_nothing_else(tmp_path: Path, code: str) -> None:
    path = spoil(tmp_path, *DEFECTS[code])
    info = inspect_data(InspectRequest(data=path))
    codes = {finding.code for finding in info.findings}
    assert code in codes
    assert codes - COMPANIONS.get(code, set()) == {code}, [f.message for f in info.findings]
    assert all(f.count and f.message and f.consequence and f.fix for f in info.findings)
