"""Finds outlines that cross themselves, by how often they turn around.

Along an outline that nowhere touches itself the direction turns around exactly once (Hopf's
Umlaufsatz). Any other count proves a crossing, at the cost of one pass over the points; each
crossing changes the count by one, so that only an even number of crossings can hide (Whitney).
"""

from __future__ import annotations

import numpy as np

from train_teacher.coco.masks.outlines import Outlines
from train_teacher.core.arrays import Flags, Floats, Rows

MIN_EDGES = 3


def crosses_itself(outlines: Outlines) -> Flags:
    """Return (P,) whether the outline of a polygon certainly crosses itself."""
    dx, dy = outlines.steps(outlines.x), outlines.steps(outlines.y)
    level = np.flatnonzero(dy == 0)
    if len(level) and not dx[level].all():
        return _without_standing_still(dx, dy, outlines.counts)
    if len(outlines.counts) and outlines.counts.min() < MIN_EDGES:
        return _of_true_outlines(dx, dy, outlines.counts)
    return _turns_oddly(dx, dy, level, outlines)


def _without_standing_still(dx: Floats, dy: Floats, counts: Rows) -> Flags:
    """Leave out steps from a point to itself."""
    moves = (dx != 0) | (dy != 0)
    counts = np.add.reduceat(moves, np.cumsum(counts) - counts, dtype=np.int64)
    return _of_true_outlines(dx[moves], dy[moves], counts)


def _of_true_outlines(dx: Floats, dy: Floats, counts: Rows) -> Flags:
    """Leave out what has less than three edges and cannot cross itself."""
    crossing = np.zeros(len(counts), np.bool_)
    true = counts >= MIN_EDGES
    if true.any():
        inside = np.repeat(true, counts)
        dx, dy = dx[inside], dy[inside]
        # For what follows an outline is its edges; where they begin does not matter.
        outlines = Outlines(dx, dy, counts[true])
        crossing[true] = _turns_oddly(dx, dy, np.flatnonzero(dy == 0), outlines)
    return crossing


def _turns_oddly(dx: Floats, dy: Floats, level: Rows, outlines: Outlines) -> Flags:
    """Return (P,) whether the direction does not turn around once.

    Args:
        dx: (Q,) pixels of each edge; none is 0 in both.
        dy: the same downwards.
        level: the edges where `dy` is 0.
        outlines: which edges belong together.
    """
    starts, ends = outlines.starts, outlines.ends
    polygons = len(starts)
    polygon_of = np.repeat(np.arange(polygons), outlines.counts)
    upward = dy >= 0
    turns = np.empty_like(upward)
    np.not_equal(upward[1:], upward[:-1], out=turns[:-1])
    turns[ends] = upward[ends] != upward[starts]
    # Between two passes of the x axis the direction may go to and fro without another turn, so
    # that only these passes have to be counted: to the left, from below, against to the right.
    here = np.flatnonzero(turns)
    polygon = polygon_of[here]
    there = _following(here, polygon, outlines)
    side = dx[here] * dy[there] - dx[there] * dy[here]
    left = np.bincount(polygon[upward[there] & (side > 0)], minlength=polygons)
    right = np.bincount(polygon[upward[here] & (side < 0)], minlength=polygons)
    crossing = np.asarray(np.abs(left - right) != 1, np.bool_)
    # Straight back the way it came, left and right are the same: nothing is proved.
    crossing[polygon[side == 0]] = False
    polygon = polygon_of[level]
    there = _following(level, polygon, outlines)
    crossing[polygon[(dy[there] == 0) & (dx[level] * dx[there] < 0)]] = False
    return crossing


def _following(edges: Rows, polygon: Rows, outlines: Outlines) -> Rows:
    """Return the edge after each, the first one after the last."""
    return np.where(outlines.ends[polygon] == edges, outlines.starts[polygon], edges + 1)
