"""The fast reader of a block takes what is usual and leaves every mistake to the others."""

from __future__ import annotations

import json
from typing import Any

import pytest

from train_teacher.coco.annotation_decoder import parse_block

PLAIN = {
    "id": 1,
    "image_id": 2,
    "category_id": 3,
    "bbox": [1, 2, 3, 4.5],
    "area": 3,
    "iscrowd": 0,
    "segmentation": [[1, 2, 4, 2, 4, 6.5]],
}


def test_the_common_block_takes_the_fast_way() -> None:
    crowd = {**PLAIN, "segmentation": {"size": [2, 2], "counts": [4]}, "iscrowd": 1}
    parsed = parse_block(json.dumps([PLAIN, crowd, {**PLAIN, "segmentation": []}]).encode())
    assert parsed is not None
    assert parsed.polygons.lengths.tolist() == [6]
    assert [row for row, _ in parsed.run_lengths] == [1]


@pytest.mark.parametrize(
    "edit",
    [
        {"bbox": [1, 2, "3", 4]},
        {"id": 1.5},
        {"segmentation": [1, 2, 3, 4, 5, 6]},
        {"segmentation": [[[1, 2], [3, 4], [5, 6]]]},
        {"area": "3"},
        {"iscrowd": "0"},
    ],
)
def test_a_mistake_is_left_to_the_exact_reader(edit: dict[str, Any]) -> None:
    assert parse_block(json.dumps([PLAIN, {**PLAIN, **edit}]).encode()) is None


@pytest.mark.parametrize(
    "polygons",
    ["[[1,2,,3,4,5]]", "[[1,2,3,4,5.5.5,6]]", "[[1,2,3,4,5,6],[]]", "[[1 2,3,4,5,6]]", "[[01,2]]"],
)
def test_polygons_that_are_no_lists_of_numbers_are_left_to_the_exact_reader(polygons: str) -> None:
    assert parse_block(f'[{{"id":1,"segmentation":{polygons}}}]'.encode()) is None
