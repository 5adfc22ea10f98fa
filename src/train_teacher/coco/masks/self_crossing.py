"""Outlines that cross themselves, found by how often they turn around.

Along an outline that never touches itself the direction turns around exactly once (Hopf's
Umlaufsatz). Any other count proves a crossing, at the cost of one pass over the points; each
crossing changes the count by one, so that only an even number of crossings can hide (Whitney).
"""

from __future__ import annotations

import numpy as np

from train_teacher.coco.masks.outlines import Outlines
from train_teacher.core.arrays import Flags, Rows

MIN_EDGES = 3


def crosses_itself(outlines: Outlines) -> Flags:
    """Return (P,) whether the outline of a polygon certainly crosses itself."""
    dx, dy = outlines.steps(outlines.x), outlines.steps(outlines.y)
    # Steps from a point to itself are left out, and what then has less than three edges.
    moves = (dx != 0) | (dy != 0)
    counts = np.add.reduceat(moves, outlines.starts, dtype=np.int64)
    true = counts >= MIN_EDGES
    crossing = np.zeros(len(counts), np.bool_)
    if true.any():
        if not (moves.all() and true.all()):
            inside = moves & np.repeat(true, outlines.counts)
            dx, dy = dx[inside], dy[inside]
        # For what follows an outline is its edges; where they begin does not matter.
        crossing[true] = _turns_oddly(Outlines(dx, dy, counts[true]))
    return crossing


def _turns_oddly(edges: Outlines) -> Flags:
    """Return (P,) whether the direction does not turn around once.

    Args:
        edges: how far each goes across and down; none is 0 in both.
    """
    dx, dy = edges.x, edges.y
    starts, ends = edges.starts, edges.ends
    polygons = len(starts)
    polygon_of = np.repeat(np.arange(polygons), edges.counts)
    upward = dy >= 0
    turns = np.empty_like(upward)
    np.not_equal(upward[1:], upward[:-1], out=turns[:-1])
    turns[ends] = upward[ends] != upward[starts]
    # Between two passes of the x axis the direction may go to and fro without another turn, so
    # that only these passes have to be counted: to the left, from below, against to the right.
    here = np.flatnonzero(turns)
    polygon = polygon_of[here]
    there = _following(here, polygon, edges)
    side = dx[here] * dy[there] - dx[there] * dy[here]
    left = np.bincount(polygon[upward[there] & (side > 0)], minlength=polygons)
    right = np.bincount(polygon[upward[here] & (side < 0)], minlength=polygons)
    crossing = np.asarray(np.abs(left - right) != 1, np.bool_)
    # Straight back the way it came, left and right are the same: nothing is proved.
    crossing[polygon[side == 0]] = False
    level = np.flatnonzero(dy == 0)
    polygon = polygon_of[level]
    there = _following(level, polygon, edges)
    crossing[polygon[(dy[there] == 0) & (dx[level] * dx[there] < 0)]] = False
    return crossing


def _following(here: Rows, polygon: Rows, edges: Outlines) -> Rows:
    """Return the edge after each, the first one after the last."""
    return np.where(edges.ends[polygon] == here, edges.starts[polygon], here + 1)
