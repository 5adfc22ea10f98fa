"""How the records of a block are laid out when they are laid out alike.

A skeleton is the text without numbers and white space: `{"bbox":[,,,],"id":}`. Where all records
have the skeleton of the first, apart from the numbers of their polygons, each number's place in
the text says what it is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.int64]
IDS = ("id", "image_id", "category_id")
_SCALARS = (*IDS, "area", "iscrowd", "ignore")
_POLYGONS = "segmentation"
_ONE_NUMBER = b"[]"
_OPENING, _CLOSING, _COMMA, _RECORD = b"[],{"
_MEMBER = rb'"([A-Za-z_]+)":(\[\[,*(?:\],\[,*)*\]\]|\[,*\]|)'
_MEMBERS = re.compile(_MEMBER)
_ONE_RECORD = re.compile(rb"\{%b(?:,%b)*\}" % (_MEMBER, _MEMBER))


@dataclass(frozen=True)
class Places:
    """Where the numbers of N records stand in the array of all numbers."""

    first: Rows
    """(N,) the first number of each record."""
    lengths: Rows
    """(P,) how many numbers each polygon has."""
    owner: Rows
    """(P,) the record of each polygon, ascending."""
    after: Rows
    """(N,) the first number behind the polygons of each record."""


@dataclass(frozen=True)
class Layout:
    """What all records of a block have in common."""

    head: bytes
    """Skeleton up to the first number of the polygons; of the whole record where none are."""
    tail: bytes
    """Skeleton from behind the last number of the polygons."""
    before: tuple[str, ...]
    """The member of each number in the head, a list's once for each of its numbers."""
    behind: tuple[str, ...]
    """The same of the tail."""

    def places(self, skeleton: bytes) -> Places | None:
        """Return where the numbers are, None where a record is laid out otherwise.

        Args:
            skeleton: of the records with commas between them.
        """
        letters = np.frombuffer(skeleton, np.uint8)
        records = np.flatnonzero(letters == _RECORD)
        if not self.tail:
            alike = skeleton == b",".join([self.head] * len(records))
            return _without_polygons(len(records), len(self.before)) if alike else None
        starts = records + len(self.head)
        ends = np.append(records[1:] - 1, len(letters)) - len(self.tail)
        if not self._is_alike(skeleton, letters, records, ends - starts):
            return None
        gaps = self._polygon_gaps(letters, len(records))
        return None if gaps is None else self._with_polygons(starts, ends, gaps)

    def _is_alike(
        self, skeleton: bytes, letters: npt.NDArray[np.uint8], records: Rows, commas: Rows
    ) -> bool:
        """Return whether everything but the polygons is what it is in the first record."""
        if not skeleton.startswith(self.head) or not skeleton.endswith(self.tail):
            return False
        if (commas < 0).any():
            return False
        between = np.frombuffer(self.tail + b"," + self.head, np.uint8)
        begins = records[1:] - 1 - len(self.tail)
        if not len(begins):
            return True
        seen = np.lib.stride_tricks.sliding_window_view(letters, len(between))[begins]
        return bool((seen == between).all())

    def _polygon_gaps(self, letters: npt.NDArray[np.uint8], records: int) -> Rows | None:
        """Return where one polygon of a record ends and the next begins: the place of `],[`.

        None where something else than that is among the commas of the polygons.
        """
        fixed = self.head + self.tail
        others = np.count_nonzero(letters != _COMMA)
        others -= records * (len(fixed) - fixed.count(b","))
        if not others:
            return np.empty(0, np.int64)
        gap = (letters[:-2] == _CLOSING) & (letters[2:] == _OPENING) & (letters[1:-1] == _COMMA)
        gaps = np.flatnonzero(gap)
        # No member's skeleton has it, nor where two records meet: it is inside of polygons.
        return gaps if 2 * len(gaps) == others else None

    def _with_polygons(self, starts: Rows, ends: Rows, gaps: Rows) -> Places:
        """Count the numbers, one more than commas, between the places in the skeleton."""
        owner = np.arange(len(starts))
        commas, polygons = ends - starts, np.ones(len(starts), np.int64)
        lengths = commas + 1
        if len(gaps):
            polygons += np.bincount(
                np.searchsorted(starts, gaps, side="right") - 1, minlength=len(starts)
            )
            commas = commas - 2 * (polygons - 1)
            owner = np.repeat(owner, polygons)
            lengths = np.sort(np.append(ends, gaps)) - np.sort(np.append(starts, gaps + 3)) + 1
        sizes = commas + 1 + len(self.before) + len(self.behind)
        stops = np.cumsum(sizes)
        return Places(stops - sizes, lengths, owner, stops - len(self.behind))


def read_layout(skeleton: bytes, *, filled: bool = False) -> Layout | None:
    """Return the layout of a record, None where it is not one of numbers only.

    Args:
        skeleton: of one record.
        filled: the polygons, and nothing else, must be a list of one number: it was put there.
    """
    if not _ONE_RECORD.fullmatch(skeleton):
        return None
    members = [(name.decode(), shape) for name, shape in _MEMBERS.findall(skeleton)]
    shapes = dict(members)
    if len(shapes) < len(members) or not _is_readable(shapes, filled):
        return None
    names = list(shapes)
    if _POLYGONS not in shapes or filled:
        return Layout(skeleton, b"", _numbers(members), ())
    at = names.index(_POLYGONS)
    opening = skeleton.index(b"[[") + 2
    closing = skeleton.index(b"]]")
    return Layout(
        skeleton[:opening], skeleton[closing:], _numbers(members[:at]), _numbers(members[at + 1 :])
    )


def _is_readable(shapes: dict[str, bytes], filled: bool) -> bool:
    """Return whether all members have the kind of value that is expected of them."""
    if not shapes.keys() >= {*IDS, "bbox"} or shapes["bbox"] != b"[,,,]":
        return False
    if any(shapes.get(name) for name in _SCALARS):
        return False
    if filled:
        return [name for name, shape in shapes.items() if shape == _ONE_NUMBER] == [_POLYGONS]
    nested = [name for name, shape in shapes.items() if shape.startswith(b"[[")]
    return nested == [name for name in shapes if name == _POLYGONS]


def _numbers(members: Sequence[tuple[str, bytes]]) -> tuple[str, ...]:
    return tuple(name for name, shape in members for _ in range(shape.count(b",") + 1))


def _without_polygons(records: int, width: int) -> Places:
    first = np.arange(records) * width
    nothing = np.empty(0, np.int64)
    return Places(first, nothing, nothing, first + width)
