"""Any text of a block gives the columns that reading its records one by one gives."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from train_teacher.coco import annotation_columns
from train_teacher.coco.annotation_columns import (
    AnnotationBlock,
    read_record_block,
    read_text_block,
)

EXAMPLES = int(os.environ.get("BLOCK_EXAMPLES", "150"))
POLYGON = [1, 2.5, 14, 2, 4, 6.5]
PLAIN: dict[str, Any] = {
    "segmentation": [POLYGON],
    "area": 30.25,
    "iscrowd": 0,
    "image_id": 2,
    "bbox": [1, 2, 3, 4.5],
    "category_id": 3,
    "id": 1,
}
CROWD = {**PLAIN, "iscrowd": 1, "segmentation": {"size": [2, 2], "counts": [4]}}
BOX = {**PLAIN, "segmentation": []}
SEPARATORS = [(", ", ": "), (",", ":"), (",\n", ":\t"), (" ,", " : ")]
NUMBERS = st.one_of(
    st.integers(-9, 999),
    st.decimals(-9, 999, places=2).map(float),
    st.sampled_from([0.0, -0.0, 1e-7, 1e22, 0.1, 2**53, 2**63, 2**64, 12345.678901234567]),
)
POLYGONS = st.lists(st.lists(NUMBERS, min_size=1, max_size=9), min_size=1, max_size=3)
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
SPICE = b'0123456789.,,--++eE[]{}:" \t\n\r\\_xXidbnultrefas\x00\x7f\xc3'


def _block(read: Callable[[bytes], AnnotationBlock], records: bytes) -> AnnotationBlock | None:
    """Return what a reader makes of a list without its brackets, None where it is no JSON."""
    with np.errstate(all="ignore"):
        try:
            return read(records)
        except msgspec.DecodeError:
            return None


def _one_by_one(text: bytes) -> AnnotationBlock:
    return read_record_block(msgspec.json.decode(text, type=list[msgspec.Raw]))


def _of_types(text: bytes) -> AnnotationBlock:
    """Read without the fastest reader."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(annotation_columns, "parse_block", lambda _: None)
        return read_text_block(text)


def _assert_right(text: bytes) -> None:
    exact = _block(_one_by_one, text)
    for read in (read_text_block, _of_types):
        ours = _block(read, text)
        assert (ours is None) == (exact is None), text
        if ours is not None:
            _assert_same(ours, exact)


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


@st.composite
def _blocks(draw: st.DrawFn) -> bytes:
    """Draw records of the same members in the same order, some of them crowds."""
    members = ["image_id", "bbox", "category_id", "id", *draw(st.sets(st.sampled_from(EXTRAS)))]
    members = draw(st.permutations(members))
    records = []
    for _ in range(draw(st.integers(1, 12))):
        values = {
            "id": draw(st.integers(-(2**54), 2**54)),
            "image_id": draw(st.integers(0, 2**53)),
            "category_id": draw(st.integers(0, 90)),
            "bbox": draw(st.lists(NUMBERS, min_size=4, max_size=4)),
            "area": draw(NUMBERS),
            "iscrowd": draw(st.sampled_from([0, 1, 1, 2, 0.5])),
            "ignore": draw(st.sampled_from([0, 0, 1])),
            "score": draw(NUMBERS),
            "keypoints": [1, 2, 2, 0, 0, 0],
            "segmentation": draw(POLYGONS),
        }
        if not draw(st.integers(0, 9)):
            values["segmentation"] = CROWD["segmentation"]
        records.append({name: values[name] for name in members})
    return json.dumps(records, separators=draw(st.sampled_from(SEPARATORS))).encode()


EXTRAS = ["segmentation", "segmentation", "area", "iscrowd", "ignore", "score", "keypoints"]


@settings(max_examples=EXAMPLES, deadline=None)
@given(_blocks())
def test_blocks_laid_out_alike_are_read_right(text: bytes) -> None:
    _assert_right(text)


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    _blocks(),
    st.lists(
        st.tuples(st.integers(0), st.integers(0, 2), st.sampled_from([bytes([b]) for b in SPICE])),
        min_size=1,
        max_size=3,
    ),
)
def test_spoiled_text_is_not_taken_for_something_else(
    text: bytes, edits: list[tuple[int, int, bytes]]
) -> None:
    spoiled = bytearray(text[1:-1])
    for place, removed, put in edits:
        at = place % (len(spoiled) + 1)
        spoiled[at : at + removed] = put
    _assert_right(b"[" + bytes(spoiled) + b"]")


@settings(max_examples=EXAMPLES, deadline=None)
@given(_blocks(), st.integers(0), st.integers(0), st.integers(0), st.integers(1, 30))
def test_pieces_of_text_in_another_place_do_not_mislead(
    text: bytes, source: int, target: int, removed: int, length: int
) -> None:
    text = text[1:-1]
    begin, at = source % len(text), target % len(text)
    spoiled = text[:at] + text[begin : begin + length] + text[at + removed % 30 :]
    _assert_right(b"[" + spoiled + b"]")


def _dumped(*records: dict[str, Any]) -> str:
    return json.dumps(records)


@pytest.mark.parametrize("separators", SEPARATORS[:3])
@pytest.mark.parametrize(
    "records",
    [
        [PLAIN],
        [PLAIN] * 9 + [CROWD],
        [CROWD] + [PLAIN] * 9,
        [*[PLAIN] * 9, CROWD, CROWD, *[PLAIN] * 9],
        [PLAIN, {**PLAIN, "segmentation": [POLYGON, [1], POLYGON]}, PLAIN],
        [BOX] * 3,
        [{key: value for key, value in PLAIN.items() if key != "segmentation"}] * 3,
        [{**PLAIN, "keypoints": [5, 5, 2], "num_keypoints": 1}] * 2,
    ],
    ids="one last first middle several boxes none keypoints".split(),
)
def test_what_programs_write_is_read_right(
    records: list[dict[str, Any]], separators: tuple[str, str]
) -> None:
    _assert_right(json.dumps(records, separators=separators).encode())


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"id": 1', '"id": 1.0'),
        ('"id": 1', '"id": "1"'),
        ('"id": 1', '"id": 1e0'),
        ('"id": 1', '"id": 9007199254740993'),
        ('"id": 1', '"id" 1:'),
        ('"id": 1', '"i1d":'),
        ('"id": 1', '"id": '),
        ('"id": 1', '"id": null'),
        ('"id": 1', '"i d": 1'),
        ('"id": 1', '"id": 1 2'),
        ('"id": 1', '"id": 01'),
        ('"id": 1', '"id": +1'),
        ('"id": 1', '"image_id": 1'),
        ('"id": 1', '"id": 1,'),
        ('"id": 1', '1"id":'),
        ('"area": 30.25', '"area": 30.25, 7'),
        ('"area": 30.25', '"area": [30.25]'),
        ("30.25, ", "30.25 "),
        ("[1, 2, 3, 4.5]", "[1, 2, 3]"),
        ("[1, 2, 3, 4.5]", "[1, 2, 3, 4.5, 5]"),
        ("[1, 2, 3, 4.5]", "[1, 2, 3, [4.5]]"),
        ("[1, 2, 3, 4.5]", "[1, 2, 3 4.5,]"),
        ("14, 2, 4", "14, , 2, 4"),
        ("14, 2, 4", "14], [2, 4"),
        ("14, 2, 4", "14] 2[, 4"),
        ("14, 2, 4", "14 ],2 [4"),
        ("14, 2, 4", "[14, 2], 4"),
        ("14, 2, 4", "[], 2, 4"),
        ("14, 2, 4", "[14], 2, 4"),
        ("14, 2, 4", '14, "2", 4'),
        ("14, 2, 4", "14, 3000000000, 4"),
        ("14, 2, 4", "14, {}, 4"),
        ("}, {", "} {"),
        ("}, {", "}, , {"),
        ("}, {", "}, 5, {"),
        ("}, {", "}], [{"),
        ("}]", "}, ]"),
        ("6.5]]", "6.5]]]"),
        ("[[1, 2.5", "[[[1, 2.5"),
        ("[[1, 2.5, 14, 2, 4, 6.5]]", "[]"),
        ("[[1, 2.5, 14, 2, 4, 6.5]]", "[0]"),
        ("[[1, 2.5, 14, 2, 4, 6.5]]", "[[]]"),
        ("[[1, 2.5, 14, 2, 4, 6.5]]", "null"),
    ],
)
@pytest.mark.parametrize("count", [1, -1])
def test_a_mistake_in_one_record_or_in_all_is_read_as_by_itself(
    old: str, new: str, count: int
) -> None:
    text = _dumped(PLAIN, PLAIN, PLAIN)
    assert old in text
    spoiled = text.replace(old, new, count).encode()
    last = text[::-1].replace(old[::-1], new[::-1], 1)[::-1].encode()
    for block in (spoiled, last):
        _assert_right(block)


@pytest.mark.parametrize(("old", "new"), [("[]", "[0]"), ("[]", "[ ]"), ("[]", "[[]]")])
def test_an_empty_list_is_not_taken_for_a_number_in_a_list(old: str, new: str) -> None:
    text = _dumped(BOX, BOX, BOX)
    _assert_right(text.replace(old, new, 1).encode())
    _assert_right(text[::-1].replace(old[::-1], new[::-1], 1)[::-1].encode())


@pytest.mark.parametrize(
    "crowd",
    ['{"a": {}}', '{"id": 1, "segmentation": {"size": [2, 2], "counts": "}{"}}', '{"a": {"b": "}}'],
)
def test_a_record_that_cannot_be_cut_out_spoils_nothing(crowd: str) -> None:
    plain = _dumped(*[PLAIN] * 9)[1:-1]
    for text in (f"[{plain}, {crowd}]", f"[{crowd}, {plain}]", f"[{plain}, {crowd}, {plain}]"):
        _assert_right(text.encode())
    _assert_right(f"[{plain} {_dumped(CROWD)[1:-1]}, {plain}]".encode())
    _assert_right(f"[{plain}, {_dumped(CROWD)[1:-1]},, {plain}]".encode())
    _assert_right(f"[, {_dumped(CROWD)[1:-1]}, {plain}]".encode())


def test_an_error_in_the_list_is_still_an_error() -> None:
    with pytest.raises(msgspec.DecodeError):
        read_text_block(_dumped(PLAIN, PLAIN).replace("}, {", "} {").encode())


@given(EDITS, st.booleans())
def test_odd_values_are_read_right(edits: list[tuple[int, str, Any]], twice: bool) -> None:
    records = [dict(PLAIN) for _ in range(4)]
    for row, key, value in edits:
        if value is None:
            records[row].pop(key, None)
        else:
            records[row][key] = value
    text = json.dumps(records).encode()
    if twice:
        text = text.replace(b'"id":', b'"bbox": [9, 9, 9, 9], "id":', 1)
    _assert_right(text)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("bbox", [1, 2, [3], 4]),
        ("segmentation", [[1, 2, [4], 2, 4, 6.5]]),
        ("segmentation", [[0, 0], [9, 0], [9, 9]]),
        ("segmentation", [[0, 0]]),
    ],
)
def test_a_list_among_the_numbers_is_no_number(key: str, value: Any) -> None:
    text = json.dumps([PLAIN, {**PLAIN, key: value}]).encode()
    _assert_right(text)


def test_the_last_of_two_equal_keys_counts() -> None:
    text = json.dumps([PLAIN]).replace('"id":', '"bbox": [9, 9, 9, 9], "id":').encode()
    assert read_text_block(text).bbox.tolist() == [[9, 9, 9, 9]]
