"""The fastest reader from text to columns: for annotations with ordinary masks.

msgspec decodes the records and leaves the text of each polygon where it is; simdjson then reads
the numbers of all polygons of the block into one array, so that no Python object is made for
any of them. What this reader does not take (a mistake, polygons nested otherwise) is left to the
exact one, which knows how to report it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from operator import attrgetter
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from train_teacher.coco.masks.measures import PackedPolygons, RunLengths
from train_teacher.coco.record_decoder import AnnotationEntry

POINT = 2
"""Numbers of a list that is one point of an outline, and no polygon."""
_OPENING, _CLOSING, _COMMA = b"[],"
_NUMBER_CHARACTERS = b"0123456789.-+eE \t\r\n"


class _PackedAnnotation(AnnotationEntry, gc=False):
    """An annotation without a mistake; its polygons are still text, one after the other."""

    segmentation: list[msgspec.Raw] | RunLengths | None = None


_decode = msgspec.json.Decoder(list[_PackedAnnotation]).decode
_segmentation_of = attrgetter("segmentation")


class _UnusualError(Exception):
    """The block has to be read by the exact reader."""


@dataclass(frozen=True)
class ParsedBlock:
    """A block of N records, before ids are looked up and masks are measured."""

    entries: Sequence[AnnotationEntry]
    polygons: PackedPolygons
    run_lengths: Sequence[tuple[int, RunLengths]]
    """Row and mask."""


def parse_block(text: bytes) -> ParsedBlock | None:
    """Return the columns of a JSON list of annotations; None where the exact reader is needed."""
    try:
        return _parsed(_decode(text))
    except (msgspec.DecodeError, UnicodeError, RecursionError, _UnusualError):
        return None


def _parsed(entries: Sequence[_PackedAnnotation]) -> ParsedBlock:
    masks: list[Any] = list(map(_segmentation_of, entries))
    run_lengths = []
    for row, mask in enumerate(masks):
        if type(mask) is not list:
            masks[row] = ()
            if mask is not None:
                run_lengths.append((row, mask))
    return ParsedBlock(entries, _read_polygons(masks), run_lengths)


def _read_polygons(lists: Sequence[Sequence[msgspec.Raw]]) -> PackedPolygons:
    counts = np.array(list(map(len, lists)), np.int64)
    if not counts.any():
        return PackedPolygons()
    text = b"[" + b",".join(chain.from_iterable(lists)) + b"]"
    lengths = _lengths(text)
    numbers = _numbers(text)
    # An empty list looks like one number: the sum gives it away.
    if len(lengths) != counts.sum() or lengths.sum() != len(numbers):
        raise _UnusualError
    if (lengths == POINT).any():
        raise _UnusualError  # a list of points is an outline too
    return PackedPolygons(numbers, lengths, np.repeat(np.arange(len(counts)), counts))


def _lengths(text: bytes) -> npt.NDArray[np.int64]:
    """Return how many numbers each list of a list has, taking all else for commas between them."""
    skeleton = np.frombuffer(text.translate(None, _NUMBER_CHARACTERS), np.uint8)
    places = np.flatnonzero(skeleton != _COMMA)
    inner = skeleton[places[1:-1]]
    opening, closing = inner[0::2], inner[1::2]
    if len(inner) % 2 or (opening != _OPENING).any() or (closing != _CLOSING).any():
        raise _UnusualError
    return np.diff(places[1:-1])[0::2]


def _numbers(text: bytes) -> npt.NDArray[np.float64]:
    import simdjson

    try:
        parsed: Any = simdjson.Parser().parse(text)
        return np.frombuffer(memoryview(parsed.as_buffer(of_type="d")), np.float64)
    except (TypeError, ValueError, RuntimeError):
        # Something that simdjson does not take for a number, or that no double can hold.
        raise _UnusualError from None
