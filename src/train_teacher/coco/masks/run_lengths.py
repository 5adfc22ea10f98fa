"""COCO's run lengths: sums of compressed ones in bulk, and the box around a single mask."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

FIRST_CHARACTER = 48
LARGEST_GROUP = 0x3F
GOES_ON, SIGN, LOW_BITS = 0x20, 0x10, 0x1F
BITS = 5
MOST_GROUPS = 12
"""60 bits; pycocotools writes at most 7 groups."""
LARGEST_TOTAL = 2**62
"""Pixels; nothing near it is a mask, and sums of what is under it are exact."""


def packed_run_totals(texts: Sequence[bytes]) -> npt.NDArray[np.int64]:
    """Return how many pixels each compressed run-length text stands for, -1 for a broken one.

    The text holds numbers in groups of 5 bits, low first, 0x20 saying that the number goes on and
    0x10 of its last group the sign; from the fourth on they are differences to the number two
    before (cocoapi, maskApi.c, rleFrString). The total of a text is therefore a weighted sum of
    its numbers, and needs no loop over them.
    """
    lengths = np.array([len(text) for text in texts], np.int64)
    groups = np.frombuffer(b"".join(texts), np.uint8).astype(np.int64) - FIRST_CHARACTER
    owner = np.repeat(np.arange(len(texts)), lengths)
    bad = lengths == 0
    bad[owner[(groups < 0) | (groups > LARGEST_GROUP)]] = True
    ends = np.cumsum(lengths) - 1
    bad[~bad] |= (groups[ends[~bad]] & GOES_ON) != 0
    good = ~bad[owner]
    numbers, of, too_long = _numbers(groups[good], owner[good])
    bad[of[too_long]] = True
    count = np.bincount(of, minlength=len(texts))
    position = np.arange(len(numbers)) - (np.cumsum(count) - count)[of]
    weight = np.where(position == 0, 1, (count[of] - 1 - position) // 2 + 1)
    totals = np.zeros(len(texts), np.int64)
    np.add.at(totals, of, numbers * weight)
    totals[bad] = -1
    return totals


def _numbers(
    groups: npt.NDArray[np.int64], owner: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Return the numbers that groups of 5 bits spell, their texts, and which are too long."""
    if not len(groups):
        return groups, owner, np.zeros(0, np.bool_)
    stops = np.flatnonzero((groups & GOES_ON) == 0)
    starts = np.concatenate([[0], stops[:-1] + 1])
    sizes = stops - starts + 1
    place = np.minimum(np.arange(len(groups)) - np.repeat(starts, sizes), MOST_GROUPS)
    numbers = np.add.reduceat((groups & LOW_BITS) << BITS * place, starts)
    negative = (groups[stops] & SIGN) != 0
    numbers -= np.where(negative, np.int64(1) << BITS * np.minimum(sizes, MOST_GROUPS), 0)
    return numbers, owner[stops], sizes > MOST_GROUPS


def run_length_box(size: Any, counts: Any) -> tuple[float, float, float, float] | None:
    """Return the xywh box around a mask in pixels, None when it is empty or cannot be undone.

    Args:
        size: height and width.
        counts: lengths of the runs down the columns, background first; compressed when text.
    """
    if not isinstance(size, list) or [type(side) for side in size] != [int, int]:
        return None
    height, width = size
    runs = _runs(counts)
    if height <= 0 or runs is None or (runs < 0).any() or (runs >= LARGEST_TOTAL).any():
        return None
    ends = np.cumsum(runs)
    if ends[-1] != height * width:
        return None
    filled = np.arange(len(runs)) % 2 == 1
    filled &= runs > 0
    if not filled.any():
        return None
    first, last = ends[filled] - runs[filled], ends[filled] - 1
    left, right = int(first.min()) // height, int(last.max()) // height
    # A run that goes on in the next column reaches the bottom of one and the top of the other.
    if (first // height < last // height).any():
        return float(left), 0.0, float(right - left + 1), float(height)
    top, bottom = int((first % height).min()), int((last % height).max())
    return float(left), float(top), float(right - left + 1), float(bottom - top + 1)


def _runs(counts: Any) -> npt.NDArray[np.int64] | None:
    """Return the lengths of the runs, None when they cannot be read."""
    if isinstance(counts, list):
        if not counts or not all(type(count) is int for count in counts):
            return None
        return np.array([max(-1, min(count, LARGEST_TOTAL)) for count in counts], np.int64)
    if not isinstance(counts, str):
        return None
    text = counts.encode("utf-8", "surrogatepass")
    if packed_run_totals([text])[0] < 0:
        return None
    groups = np.frombuffer(text, np.uint8).astype(np.int64) - FIRST_CHARACTER
    runs, _, _ = _numbers(groups, np.zeros(len(groups), np.int64))
    runs[1::2] = np.cumsum(runs[1::2])
    runs[2::2] = np.cumsum(runs[2::2])
    return runs
