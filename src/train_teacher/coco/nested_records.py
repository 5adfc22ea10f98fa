"""Cuts records that hold objects, such as crowds in run lengths, out of a block of others."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from train_teacher.coco.plain_records import SPACE

MOST_NESTED = 1 / 8
"""With more than this share of them, taking records apart costs more than it gains."""
_BEGIN, _END = b"{}"
_HIGHEST = ord("{")
"""In ASCII only a bar and a tilde are with the braces above the letters."""


@dataclass(frozen=True)
class CutRecords:
    """A block of N records in two parts."""

    plain: bytes
    """The records without objects in them, commas between."""
    plain_rows: npt.NDArray[np.int64]
    nested: tuple[bytes, ...]
    """Each of the other records."""
    nested_rows: npt.NDArray[np.int64]


def cut_nested(text: bytes) -> CutRecords | None:
    """Return the parts of a block, or None where that does not pay or work.

    A cut is good when each part is: a text can be read as JSON in one way only.

    Args:
        text: records with commas between them.
    """
    letters = np.frombuffer(text, np.uint8)
    places = np.flatnonzero(letters >= _HIGHEST)
    braces = letters[places]
    opening = braces == _BEGIN
    if not (opening | (braces == _END)).all():
        return None
    depth = np.cumsum(np.where(opening, 1, -1))
    begins, ends = np.flatnonzero(opening & (depth == 1)), np.flatnonzero(~opening & (depth == 0))
    if not 0 < len(begins) == len(ends) or (begins > ends).any():
        return None
    nested = np.flatnonzero(ends - begins > 1)
    if len(nested) > MOST_NESTED * len(begins):
        return None
    cuts = list(
        zip(places[begins[nested]].tolist(), (places[ends[nested]] + 1).tolist(), strict=True)
    )
    plain = _without(text, cuts)
    if plain is None:
        return None
    rows = np.delete(np.arange(len(begins)), nested)
    return CutRecords(plain, rows, tuple(text[begin:end] for begin, end in cuts), nested)


def _without(text: bytes, cuts: Iterable[tuple[int, int]]) -> bytes | None:
    """Return the text without pieces of it and without the comma of each."""
    kept, start, left = [], 0, b""
    for begin, end in [*cuts, (len(text), len(text))]:
        right = b"," if end > begin else b""
        between = text[start:begin].strip(SPACE)
        start = end
        if between != (left and right):
            inner = between.removeprefix(left).removesuffix(right)
            without_commas = len(between) - len(inner) == len(left) + len(right)
            inner = inner.strip(SPACE)
            if not without_commas or not inner:
                return None
            kept.append(inner)
        left = b","
    return b",".join(kept)
