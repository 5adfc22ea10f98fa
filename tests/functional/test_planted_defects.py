"""Every planted defect is found under its code, and nothing else is reported."""

from __future__ import annotations

from pathlib import Path

import pytest

from inspected_data import inspect_data
from planted import (
    DEFECTS,
    Plant,
    change,
    drop_class,
    long_tail,
    on_first_image,
    spoil,
    swap_classes,
)
from planted_images import dark
from train_teacher.inspection.load import InspectRequest

COMPANIONS = {"B3": {"D6"}, "F9": {"I10"}, "R10": {"I10"}, "I5": {"I6"}, "N10": {"D3"}}
"""Inevitable side effects of a defect: with all boxes lost there is nothing to train."""


def found(path: Path) -> list[str]:
    return [finding.code for finding in inspect_data(InspectRequest(data=path)).findings]


def test_the_clean_set_has_no_finding(tmp_path: Path) -> None:
    assert found(spoil(tmp_path)) == []


@pytest.mark.parametrize("code", DEFECTS)
def test_a_planted_defect_is_found_and_nothing_else(tmp_path: Path, code: str) -> None:
    path = spoil(tmp_path, *DEFECTS[code])
    code = code.split(maxsplit=1)[0]
    info = inspect_data(InspectRequest(data=path))
    codes = {finding.code for finding in info.findings}
    assert code in codes
    assert codes - COMPANIONS.get(code, set()) == {code}, [f.message for f in info.findings]
    assert all(f.count and f.message and f.consequence and f.fix for f in info.findings)
    assert all(len(f.ids) == f.count for f in info.findings if f.section), "every record is named"


def test_all_defects_that_go_together_are_found_in_one_run(tmp_path: Path) -> None:
    """One file with many mistakes: a bad record never hides another."""
    together = "F5 F6 R5 R7 R10 B1 B2 B7 B9 B10 B12 M1 N4 N12 I4 I10".split()
    places = {"F5": 40, "F6": 44, "B1": 48, "B2": 52, "B7": 56, "B9": 60, "B10": 64, "B12": 68}
    members = {
        "F5": {"bbox": ["1", 2, 30, 40], "area": 1200},
        "F6": {"ignore": 1},
        "B1": {"bbox": [5, 5, 0, 9]},
        "B2": {"bbox": [5, 5, 0.5, 9]},
        "B7": {"bbox": [5, 5, 1e12, 9]},
        "B9": {"area": ...},
        "B10": {"area": 0},
        "B12": {"iscrowd": ...},
    }
    plants = [change(places[code], **changes) for code, changes in members.items()]
    others = [plant for code in together if code not in members for plant in DEFECTS[code]]
    path = spoil(tmp_path, *plants, *others)

    assert set(found(path)) == set(together)


@pytest.mark.parametrize(
    ("val", "code"),
    [
        ((), "D8"),
        ((swap_classes,), "N13"),
        ((drop_class(4),), "D5"),
    ],
)
def test_defects_between_train_and_val_are_found(
    tmp_path: Path, val: tuple[Plant, ...], code: str
) -> None:
    train = spoil(tmp_path / "train")
    other = spoil(tmp_path / "val", *val, seed=0 if code == "D8" else 1)
    info = inspect_data(InspectRequest(data=train, val=other))

    assert {(f.code, f.split) for f in info.findings} == {(code, "val")}


def test_a_test_file_without_a_val_file_is_d9(tmp_path: Path) -> None:
    train, test = spoil(tmp_path / "train"), spoil(tmp_path / "test", seed=1)

    assert [f.code for f in inspect_data(InspectRequest(data=train, test=test)).findings] == ["D9"]


def test_a_byte_order_mark_is_f2(tmp_path: Path) -> None:
    path = spoil(tmp_path)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())

    assert found(path) == ["F2"]


def test_a_dark_image_is_i12_when_images_are_decoded(tmp_path: Path) -> None:
    path = spoil(tmp_path, on_first_image(dark))
    info = inspect_data(InspectRequest(data=path, deep=True))

    assert {f.code for f in info.findings} == {"I12"}
    assert found(path) == []


def test_a_long_tail_of_classes_is_d4(tmp_path: Path) -> None:
    assert found(spoil(tmp_path, long_tail)) == ["D4"]
