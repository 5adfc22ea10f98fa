"""Finds outlines that cross themselves, by how often they turn around.

Along an outline that nowhere touches itself the direction turns around exactly once (Hopf's
Umlaufsatz). Any other count proves a crossing, at the cost of one pass over the points; each
crossing changes the count by one, so that only an even number of crossings can hide (Whitney).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Rows = npt.NDArray[np.int64]
MIN_EDGES = 3


def crosses_itself(numbers: Numbers, lengths: Rows) -> Flags:
    """Return (P,) whether the outline of a polygon certainly crosses itself.

    Args:
        numbers: x, y, x, y, ... of all polygons one after the other, pixels.
        lengths: (P,) how many numbers each has: even, at least 2.
    """
    counts = lengths // 2
    dx, dy = _edges(numbers[0::2], counts), _edges(numbers[1::2], counts)
    moves = (dx != 0) | (dy != 0)
    if not moves.all():
        dx, dy = dx[moves], dy[moves]
        counts = np.add.reduceat(moves, np.cumsum(counts) - counts, dtype=np.int64)
    crossing = np.zeros(len(counts), np.bool_)
    outlines = counts >= MIN_EDGES
    if not outlines.all():
        inside = np.repeat(outlines, counts)
        dx, dy, counts = dx[inside], dy[inside], counts[outlines]
    if len(counts):
        crossing[outlines] = _turns_oddly(dx, dy, counts)
    return crossing


def _edges(values: Numbers, counts: Rows) -> Numbers:
    """Return the steps from each point of a polygon to the next, the last to its first."""
    starts = np.cumsum(counts) - counts
    ends = starts + counts - 1
    steps = np.empty(len(values), np.float64)
    np.subtract(values[1:], values[:-1], out=steps[:-1])
    steps[ends] = values[starts] - values[ends]
    return steps


def _turns_oddly(dx: Numbers, dy: Numbers, counts: Rows) -> Flags:
    starts = np.cumsum(counts) - counts
    ends = starts + counts - 1
    upward = dy >= 0
    next_upward = np.empty_like(upward)
    next_upward[:-1] = upward[1:]
    next_upward[ends] = upward[starts]
    # Between two passes of the x axis the direction may go to and fro without another turn, so
    # that only these passes have to be counted: to the left, from below, against to the right.
    here = np.flatnonzero(upward != next_upward)
    there, polygon = _following(here, starts, ends)
    side = dx[here] * dy[there] - dx[there] * dy[here]
    left = np.bincount(polygon[upward[there] & (side > 0)], minlength=len(counts))
    right = np.bincount(polygon[upward[here] & (side < 0)], minlength=len(counts))
    crossing = np.asarray(np.abs(left - right) != 1, np.bool_)
    # Straight back the way it came, left and right are the same: nothing is proved.
    crossing[polygon[side == 0]] = False
    level = np.flatnonzero(dy == 0)
    there, polygon = _following(level, starts, ends)
    crossing[polygon[(dy[there] == 0) & (dx[level] * dx[there] < 0)]] = False
    return crossing


def _following(edges: Rows, starts: Rows, ends: Rows) -> tuple[Rows, Rows]:
    """Return the edge after each, and the polygon of each."""
    polygon = np.searchsorted(ends, edges)
    return np.where(ends[polygon] == edges, starts[polygon], edges + 1), polygon
