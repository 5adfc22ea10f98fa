"""The fast reader of a block says what the exact one says, or leaves the block to it."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from train_teacher.coco import annotation_columns
from train_teacher.coco.annotation_block import AnnotationBlock
from train_teacher.coco.annotation_columns import read_text_block
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
ODD_VALUES: list[Any] = [
    *(0, -3, 1.5, 1e30, True, None, "1", 2**53 + 1, 2**63, 2**64, 10**30),
    *([], [1], [1, 2, 3, 4], [1, "2", 3, 4], [1, 2, [3], 4], {}),
    *([[1, 2]], [[1, 2, 3, 4, 5, 6], [1, 2, 3]], [[[1, 2], [3, 4], [5, 6]]], [[True, 2]], [[None]]),
    *({"size": [4, 4], "counts": "abc"}, {"size": [2, 2], "counts": [4]}, {"size": [2]}),
]
KEYS = st.sampled_from([*PLAIN, "ignore", "score"])
EDITS = st.lists(
    st.tuples(st.integers(0, 3), KEYS, st.one_of(st.none(), st.sampled_from(ODD_VALUES))),
    max_size=3,
)


def _exactly(text: bytes) -> AnnotationBlock:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(annotation_columns, "_read_plain", lambda _: None)
        patch.setattr(annotation_columns, "parse_block", lambda _: None)
        return read_text_block(text[1:-1])


def _assert_same(ours: Any, exact: Any) -> None:
    for member in dataclasses.fields(ours):
        left, right = getattr(ours, member.name), getattr(exact, member.name)
        if dataclasses.is_dataclass(left):
            _assert_same(left, right)
        elif isinstance(right, np.ndarray):
            assert left.dtype == right.dtype, member.name
            np.testing.assert_array_equal(left, right, member.name)
        else:
            assert left == right, member.name


@given(EDITS, st.booleans())
def test_both_readers_agree_on_any_block(edits: list[tuple[int, str, Any]], twice: bool) -> None:
    records = [dict(PLAIN) for _ in range(4)]
    for row, key, value in edits:
        if value is None:
            records[row].pop(key, None)
        else:
            records[row][key] = value
    text = json.dumps(records).encode()
    if twice:
        text = text.replace(b'"area":', b'"bbox": [9, 9, 9, 9], "area":', 1)
    _assert_same(read_text_block(text[1:-1]), _exactly(text))


@pytest.mark.parametrize(
    ("key", "value"),
    [("bbox", [1, 2, [3], 4]), ("segmentation", [[1, 2, [4], 2, 4, 6.5]])],
)
def test_a_list_among_the_numbers_is_no_number(key: str, value: Any) -> None:
    text = json.dumps([PLAIN, {**PLAIN, key: value}]).encode()
    _assert_same(read_text_block(text[1:-1]), _exactly(text))


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


def test_the_last_of_two_equal_keys_counts() -> None:
    text = json.dumps([PLAIN]).replace('"area":', '"bbox": [9, 9, 9, 9], "area":').encode()
    assert read_text_block(text[1:-1]).bbox.tolist() == [[9, 9, 9, 9]]


@pytest.mark.parametrize(
    "polygons",
    ["[[1,2,,3,4,5]]", "[[1,2,3,4,5.5.5,6]]", "[[1,2,3,4,5,6],[]]", "[[1 2,3,4,5,6]]", "[[01,2]]"],
)
def test_polygons_that_are_no_lists_of_numbers_are_left_to_the_exact_reader(polygons: str) -> None:
    assert parse_block(f'[{{"id":1,"segmentation":{polygons}}}]'.encode()) is None
