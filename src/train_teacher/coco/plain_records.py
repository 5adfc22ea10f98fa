"""The fastest way from text to columns: records of nothing but numbers, all laid out alike.

Every number of a block is read in one call and the columns are picked out of that array, so that
no Python object is made for a record. What lets no mistake through:

1. With all but numbers and commas blanked out, the text is a list of numbers in JSON: exactly one
   number stands between two commas.
2. Without numbers and white space, the text is letter by letter what `Layout` expects.
3. A number follows a bracket, a comma or a colon and is followed by a comma or by what closes;
   white space follows only a comma or a colon. So each number is where its value belongs.

Text that fails a test may still be right; the other readers find that out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from train_teacher.coco.masks.measures import MAX_SIDE, PackedPolygons
from train_teacher.coco.plain_layout import IDS, Layout, Places, read_layout

if TYPE_CHECKING:
    from simdjson import Parser

Numbers = npt.NDArray[np.float64]
SPACE = b" \t\r\n"
_DIGITS = b"0123456789"
_NUMBER = _DIGITS + b".-"
_STRUCTURE = (
    b'{}[]:"_' + bytes(range(ord("A"), ord("Z") + 1)) + bytes(range(ord("a"), ord("z") + 1))
)
_EMPTY = b"[]"
_POINT, _COLON, _LAST_OF_ID = b".:d"
_EXACT = 2.0**53
"""From here on a double is not one whole number any more."""


def _blanking() -> bytes:
    """Return the table that leaves numbers and commas, and spoils what is not expected at all."""
    table = bytearray(b"x" * 256)
    for kept in _NUMBER + b"," + SPACE:
        table[kept] = kept
    for blanked in _STRUCTURE:
        table[blanked] = ord(" ")
    return bytes(table)


def _pairing() -> bytes:
    """Return the table of what a byte forbids its right neighbour (high bits) and is (low bits)."""
    space, closes_no_number, number = 1, 2, 4
    table = bytearray([(space | number) << 4 | closes_no_number] * 256)
    for byte in SPACE:
        table[byte] = space | closes_no_number
    for byte in _NUMBER:
        table[byte] = (space | closes_no_number) << 4 | number
    for byte in b"]}":
        table[byte] = (space | number) << 4
    table[ord("[")] = space << 4 | closes_no_number
    table[ord(":")] = closes_no_number
    table[ord(",")] = 0
    return bytes(table)


_BLANKED, _PAIRED = _blanking(), _pairing()
_parser: Parser | None = None
"""One for a process: its memory stays warm."""


@dataclass(frozen=True)
class PlainRecords:
    """The columns of N records; what a record has not is None."""

    ids: npt.NDArray[np.int64]
    image_ids: npt.NDArray[np.int64]
    category_ids: npt.NDArray[np.int64]
    bbox: Numbers
    """(N, 4)."""
    area: Numbers | None
    iscrowd: Numbers | None
    ignore: Numbers | None
    polygons: PackedPolygons


def parse_plain(text: bytes) -> PlainRecords | None:
    """Return what records say, or None where another reader is needed.

    Args:
        text: records with commas between them, nothing around them.
    """
    first = text[: text.find(b"}") + 1]
    filled = _EMPTY in first
    empty = text.count(_EMPTY) if filled else 0
    if filled:
        # Without a number the place of the empty list would be lost.
        text = text.replace(_EMPTY, b"[0]")
    layout = read_layout(first.translate(None, _NUMBER + SPACE), filled=filled)
    if layout is None or _has_odd_neighbours(text):
        return None
    pointed = text.translate(None, _DIGITS + b"-" + SPACE)
    if _has_point_in_an_id(pointed):
        return None
    places = layout.places(pointed.translate(None, b"."))
    numbers = _read_numbers(text.translate(_BLANKED)) if places is not None else None
    if places is None or numbers is None:
        return None
    if filled and empty != len(places.first):
        return None  # some of the numbers in their places were there before
    return _columns(layout, places, numbers)


def _has_odd_neighbours(text: bytes) -> bool:
    pairs = np.frombuffer(text.translate(_PAIRED), np.uint8)
    forbidden = pairs[:-1] >> 4
    forbidden &= pairs[1:]
    return bool(forbidden.any())


def _has_point_in_an_id(pointed: bytes) -> bool:
    """Return whether a number that may be an id has a decimal point.

    Args:
        pointed: the skeleton with points.
    """
    letters = np.frombuffer(pointed, np.uint8)
    colons = np.flatnonzero((letters[:-1] == _COLON) & (letters[1:] == _POINT))
    return bool((letters[colons - 2] == _LAST_OF_ID).any())


def _read_numbers(blanked: bytes) -> Numbers | None:
    global _parser  # noqa: PLW0603 - made once in each process
    import simdjson

    if _parser is None:
        _parser = simdjson.Parser()
    try:
        parsed: Any = _parser.parse(b"[" + blanked + b"]")
        return np.frombuffer(parsed.as_buffer(of_type="d"), np.float64)
    except (TypeError, ValueError, RuntimeError):
        return None


def _columns(layout: Layout, places: Places, numbers: Numbers) -> PlainRecords | None:
    names = layout.before + layout.behind
    head, tail = np.arange(len(layout.before)), np.arange(len(layout.behind))
    # A row for each member and a column for each record: the columns of the block are rows here.
    at = np.concatenate([head[:, None] + places.first, tail[:, None] + places.after])
    if at[-1, -1] >= len(numbers) or at.size + places.lengths.sum() != len(numbers):
        return None
    fixed = numbers[at]
    ids = fixed[[names.index(name) for name in IDS]]
    if not (np.abs(ids) < _EXACT).all():
        return None
    polygons = _polygons(places, numbers, at)
    if max(polygons.numbers.max(initial=0), -polygons.numbers.min(initial=0)) >= MAX_SIDE:
        return None  # the exact reader takes such a number for none
    box = names.index("bbox")
    area, iscrowd, ignore = (
        fixed[names.index(name)] if name in names else None
        for name in ("area", "iscrowd", "ignore")
    )
    return PlainRecords(
        ids[0].astype(np.int64),
        ids[1].astype(np.int64),
        ids[2].astype(np.int64),
        fixed[box : box + 4].T,
        area,
        iscrowd,
        ignore,
        polygons,
    )


def _polygons(places: Places, numbers: Numbers, others: npt.NDArray[np.int64]) -> PackedPolygons:
    if not len(places.lengths):
        return PackedPolygons()
    inside = np.ones(len(numbers), np.bool_)
    inside[others] = False
    return PackedPolygons(numbers[inside], places.lengths, places.owner)
