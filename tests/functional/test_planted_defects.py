"""Every planted defect is found under its code, and nothing else is reported."""

from __future__ import annotations

from pathlib import Path

import pytest

from planted import (
    HEIGHT,
    WIDTH,
    Plant,
    add,
    box_of,
    change,
    crowded,
    empty_most,
    keep_boxes_of,
    one_size,
    picture,
    polygon,
    rectangles,
    shift_boxes,
    spoil,
    twice,
)
from train_teacher.application.inspect_data import InspectRequest, inspect_data

X, Y, W, H = box_of(8)
OUTLINE = [[X, Y, X + W, Y, X + W, Y + H]]

ALONE: dict[str, tuple[Plant, ...]] = {
    "F5": (change(3, bbox=["1", 2, 30, 40], area=1200),),
    "F6": (change(3, ignore=1),),
    "R1": (add("images", id=1, file_name="other.jpg", width=WIDTH, height=HEIGHT), picture),
    "R2": (change(3, id=77),),
    "R3": (change(3, id=0),),
    "R4": (add("categories", id=1, name="lamp"),),
    "R5": (change(3, image_id=999),),
    "R6": (change(3, category_id=99),),
    "R7": (add("categories", id=9, name="kite"),),
    "R9": (twice,),
    "B1": (change(3, bbox=[5, 5, 0, 9]),),
    "B2": (change(3, bbox=[5, 5, 0.5, 9]),),
    "B3": (shift_boxes(lambda b: [b[0] / WIDTH, b[1] / HEIGHT, b[2] / WIDTH, b[3] / HEIGHT]),),
    "B4": (shift_boxes(lambda b: [b[0], b[1], b[0] + b[2], b[1] + b[3]]),),
    "B5": (shift_boxes(lambda b: [b[0] + b[2] / 2, b[1] + b[3] / 2, b[2], b[3]]),),
    "B6": (change(3, bbox=[300, 200, 40, 30], area=1200),),
    "B7": (change(3, bbox=[5, 5, 1e12, 9]),),
    "B8": (change(3, bbox=...),),
    "B9": (change(3, area=...),),
    "B10": (change(3, area=0),),
    "B11": (change(3, area=9),),
    "B12": (change(3, iscrowd=...),),
    "B13": (*(change(i, iscrowd=1) for i in range(0, 40, 4)),),
    "B14": (
        add(
            "annotations",
            id=900,
            image_id=3,
            category_id=1,
            bbox=[X, Y, W, H],
            area=W * H,
            iscrowd=0,
        ),
    ),
    "B15": (change(3, bbox=[0, 0, WIDTH, HEIGHT], area=WIDTH * HEIGHT),),
    "B16": (change(3, bbox=[5, 5, 2, 2], area=4),),
    "B17": (one_size,),
    "M1": (polygon(8, [*OUTLINE, [1, 2, 3]]),),
    "M2": (polygon(8, OUTLINE[0]),),
    "M3": (polygon(8, [[300, 200, 310, 200, 310, 220]]), change(8, area=W * H)),
    "M4": (polygon(8, [*OUTLINE, [X, Y, X + 1, Y, X + 2, Y]]),),
    "M5": (polygon(8, {"size": [WIDTH, HEIGHT], "counts": [WIDTH * HEIGHT]}),),
    "M6": (polygon(8, OUTLINE), change(8, iscrowd=1)),
    "M7": (rectangles,),
    "D2": (empty_most,),
    "D3": (keep_boxes_of(4, 4),),
    "D7": (crowded,),
}


COMPANIONS = {"B3": {"D6"}}
"""What a defect brings with it by its nature: with all boxes lost there is nothing to train."""


def found(path: Path) -> list[str]:
    return [finding.code for finding in inspect_data(InspectRequest(data=path)).findings]


def test_the_clean_set_has_no_finding(tmp_path: Path) -> None:
    assert found(spoil(tmp_path)) == []


@pytest.mark.parametrize("code", ALONE)
def test_a_planted_defect_is_found_and_nothing_else(tmp_path: Path, code: str) -> None:
    path = spoil(tmp_path, *ALONE[code])
    info = inspect_data(InspectRequest(data=path))
    codes = {finding.code for finding in info.findings}
    assert code in codes
    assert codes - COMPANIONS.get(code, set()) == {code}, [f.message for f in info.findings]
    assert all(f.count and f.message and f.consequence and f.fix for f in info.findings)
