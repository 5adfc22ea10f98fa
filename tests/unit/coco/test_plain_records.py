"""The fastest reader of a block says what the exact one says, or leaves the block to another."""

from __future__ import annotations

import dataclasses
import json
import os
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from train_teacher.coco.annotation_block import AnnotationBlock
from train_teacher.coco.annotation_columns import _read_plain, read_record_block, read_text_block

EXAMPLES = int(os.environ.get("PLAIN_EXAMPLES", "300"))
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
SPICE = b'0123456789.,,--++eE[]{}:" \t\n\r\\_xXidbnultrefas\x00\x7f\xc3'


def _exactly(text: bytes) -> AnnotationBlock | None:
    try:
        return read_record_block(msgspec.json.decode(text, type=list[msgspec.Raw]))
    except msgspec.DecodeError:
        return None


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


def _assert_right_or_left(text: bytes) -> bool:
    """Compare with the exact reader, and return whether the fastest took the block."""
    with np.errstate(all="ignore"):
        ours, exact = _read_plain(text[1:-1]), _exactly(text)
    if ours is None:
        return False
    assert exact is not None, text
    _assert_same(ours, exact)
    return True


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
def test_it_agrees_with_the_exact_reader_on_blocks_laid_out_alike(text: bytes) -> None:
    _assert_right_or_left(text)


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    _blocks(),
    st.lists(
        st.tuples(st.integers(0), st.integers(0, 2), st.sampled_from([bytes([b]) for b in SPICE])),
        min_size=1,
        max_size=3,
    ),
)
def test_it_takes_no_spoiled_text_for_something_else(
    text: bytes, edits: list[tuple[int, int, bytes]]
) -> None:
    spoiled = bytearray(text[1:-1])
    for place, removed, put in edits:
        at = place % (len(spoiled) + 1)
        spoiled[at : at + removed] = put
    _assert_right_or_left(b"[" + bytes(spoiled) + b"]")


@settings(max_examples=EXAMPLES, deadline=None)
@given(_blocks(), st.integers(0), st.integers(0), st.integers(0), st.integers(1, 30))
def test_it_is_not_misled_by_pieces_of_text_in_another_place(
    text: bytes, source: int, target: int, removed: int, length: int
) -> None:
    text = text[1:-1]
    begin, at = source % len(text), target % len(text)
    spoiled = text[:at] + text[begin : begin + length] + text[at + removed % 30 :]
    _assert_right_or_left(b"[" + spoiled + b"]")


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
def test_what_programs_write_takes_the_fastest_way(
    records: list[dict[str, Any]], separators: tuple[str, str]
) -> None:
    assert _assert_right_or_left(json.dumps(records, separators=separators).encode())


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
def test_what_is_not_as_in_the_first_record_is_left_to_another_reader(
    old: str, new: str, count: int
) -> None:
    text = _dumped(PLAIN, PLAIN, PLAIN)
    assert old in text
    spoiled = text.replace(old, new, count).encode()
    last = text[::-1].replace(old[::-1], new[::-1], 1)[::-1].encode()
    for block in (spoiled, last):
        _assert_right_or_left(block)


@pytest.mark.parametrize(("old", "new"), [("[]", "[0]"), ("[]", "[ ]"), ("[]", "[[]]")])
def test_an_empty_list_is_not_taken_for_a_number_in_a_list(old: str, new: str) -> None:
    text = _dumped(BOX, BOX, BOX)
    assert not _assert_right_or_left(text.replace(old, new, 1).encode())
    assert not _assert_right_or_left(text[::-1].replace(old[::-1], new[::-1], 1)[::-1].encode())


@pytest.mark.parametrize(
    "crowd",
    ['{"a": {}}', '{"id": 1, "segmentation": {"size": [2, 2], "counts": "}{"}}', '{"a": {"b": "}}'],
)
def test_a_record_that_cannot_be_cut_out_spoils_nothing(crowd: str) -> None:
    plain = _dumped(*[PLAIN] * 9)[1:-1]
    for text in (f"[{plain}, {crowd}]", f"[{crowd}, {plain}]", f"[{plain}, {crowd}, {plain}]"):
        _assert_right_or_left(text.encode())
    _assert_right_or_left(f"[{plain} {_dumped(CROWD)[1:-1]}, {plain}]".encode())
    _assert_right_or_left(f"[{plain}, {_dumped(CROWD)[1:-1]},, {plain}]".encode())
    _assert_right_or_left(f"[, {_dumped(CROWD)[1:-1]}, {plain}]".encode())


def test_an_error_in_the_list_is_still_an_error() -> None:
    with pytest.raises(msgspec.DecodeError):
        read_text_block(_dumped(PLAIN, PLAIN)[1:-1].replace("}, {", "} {").encode())
