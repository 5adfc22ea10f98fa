"""Tiles that a tool cut from one larger image, found by their names."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from train_teacher.splits.split import ROBOFLOW_COPY, group_key

FORMAT_MARK = re.compile(r"_(jpe?g|png|bmp|webp|tiff?)$", re.I)
LEAST_TILES = 4
"""Fewer names of a form may have it by coincidence."""
MOSTLY = 0.5
"""Share of the tiles that have one size; those at the edge of their source may be smaller."""
# DOTA's splitting: NAME__SCALE__X___Y.
SCALED = re.compile(r"__\d+(\.\d+)?__\d+___\d+$")
# NAME_X0_Y0_X1_Y1, as sahi slices.
_CORNERS = re.compile(r"[_-](\d+)[_-](\d+)[_-](\d+)[_-](\d+)$")
_PLACES = (
    SCALED,
    re.compile(r"[_-]r(ow)?[_-]?\d+[_-]?c(ol)?[_-]?\d+$", re.I),
    re.compile(r"[_-]x[_-]?\d+[_-]?y[_-]?\d+$", re.I),
)
_DIGITS = "0123456789"


def stem_of(name: str) -> str:
    """Return a file name without its suffix, a Roboflow copy's as it was before."""
    if ".rf." in name and ROBOFLOW_COPY.search(name):
        return FORMAT_MARK.sub("", group_key(name))
    dot = name.rfind(".")
    return name[:dot] if dot > max(name.rfind("/"), 0) else name


def find_tiles(names: Sequence[str], sizes: npt.NDArray[np.float64]) -> list[str | None]:
    """Return the image that each image was cut from, None for those that are no tiles.

    A name tells by the place of the tile at its end: corners, row and column, or x and y. All
    names of a form must agree: each place once per source, most tiles of one size.

    Args:
        names: file names.
        sizes: (M, 2) width and height in pixels, NaN where unknown.
    """
    forms: dict[int, dict[str, list[tuple[int, str]]]] = defaultdict(lambda: defaultdict(list))
    extents: list[tuple[int, int]] = []
    for row, name in enumerate(names):
        stem = stem_of(name)
        if stem[-1:] not in _DIGITS:
            continue
        if corners := _CORNERS.search(stem):
            left, top, right, bottom = map(int, corners.groups())
            extents.append((right - left, bottom - top))
            forms[0][stem[: corners.start()]].append((row, corners[0]))
            continue
        for number, form in enumerate(_PLACES, 1):
            if place := form.search(stem):
                forms[number][stem[: place.start()]].append((row, place[0]))
                break
    if not _mostly_one(extents) or any(min(extent) <= 0 for extent in extents):
        forms.pop(0, None)
    sources: list[str | None] = [None] * len(names)
    for places in forms.values():
        for source, row in _agreeing(places, sizes):
            sources[row] = source
    return sources


def _agreeing(
    tiles: dict[str, list[tuple[int, str]]], sizes: npt.NDArray[np.float64]
) -> Iterable[tuple[str, int]]:
    """Return source and row of each tile of one form, nothing where it may be a coincidence."""
    cut = {source: found for source, found in tiles.items() if source and len(found) > 1}
    rows = [row for found in cut.values() for row, _ in found]
    known = [(w, h) for w, h in sizes[rows].tolist() if w > 0 and h > 0]
    twice = any(len({place for _, place in found}) < len(found) for found in cut.values())
    if len(rows) < LEAST_TILES or twice or (known and not _mostly_one(known)):
        return []
    return [(source, row) for source, found in tiles.items() if source for row, _ in found]


def _mostly_one(values: Sequence[tuple[float, float]]) -> bool:
    """Return whether most of some sizes are equal."""
    most = max(Counter(values).values(), default=0)
    return most > MOSTLY * len(values)
