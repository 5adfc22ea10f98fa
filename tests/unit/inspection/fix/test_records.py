from __future__ import annotations

from typing import Any

import pytest

from train_teacher.coco.masks.boxes import usable_polygons
from train_teacher.inspection.fix.annotations import plain_record, tidy
from train_teacher.inspection.fix.records import WHAT_IS_DONE, Change, ChangeLog, id_of

TRIANGLE = [5, 5, 50, 5, 50, 50]


def test_the_log_counts_by_code_and_keeps_every_id() -> None:
    log = ChangeLog()
    for code, id_ in [("R3", 0), ("B1", 7), ("B1", "x"), ("B1", None)]:
        log.note(code, id_)

    assert log.changes() == (
        Change("B1", WHAT_IS_DONE["B1"], 3, (7, "x", None)),
        Change("R3", WHAT_IS_DONE["R3"], 1, (0,)),
    )


@pytest.mark.parametrize(
    ("written", "usable"),
    [
        (TRIANGLE, [TRIANGLE]),
        ([TRIANGLE], [TRIANGLE]),
        ([[[5, 5], [50, 5], [50, 50]]], [TRIANGLE]),
        ([[1, 2, 3, 4], TRIANGLE], [TRIANGLE]),
        ([[1, 2, 3, 4, 5, 6, 7]], []),
        ([[float("nan"), *TRIANGLE[1:]]], []),
        ([[1e12, *TRIANGLE[1:]]], []),
        ([[True, *TRIANGLE[1:]]], []),
        ([["5", "5.0", *TRIANGLE[2:]]], [TRIANGLE]),
        ([["5.5", *TRIANGLE[1:]]], [[5.5, *TRIANGLE[1:]]]),
        ([["inf", *TRIANGLE[1:]]], []),
        ([["five", *TRIANGLE[1:]]], []),
        ("M 5 5", []),
        (None, []),
    ],
)
def test_only_polygons_of_three_points_and_numbers_are_kept(
    written: Any, usable: list[list[int]]
) -> None:
    assert usable_polygons(written) == usable


@pytest.mark.parametrize(
    ("raw", "record"),
    [
        (b'{"id": 1}', {"id": 1}),
        ({"id": 1}, {"id": 1}),
        (b'{"id": 1, "x": 1e999}', {"id": 1, "x": float("inf")}),
        (b"7", {}),
        (None, {}),
    ],
)
def test_any_entry_becomes_a_record(raw: Any, record: dict[str, Any]) -> None:
    assert plain_record(raw) == record


def test_an_id_that_is_no_id_is_not_logged() -> None:
    assert [id_of({"id": value}) for value in (3, "a", [1], None)] == [3, "a", None, None]


def test_whole_numbers_are_written_without_a_point() -> None:
    assert [repr(tidy(value)) for value in (2.0, 2.5, -0.0)] == ["2", "2.5", "0"]
