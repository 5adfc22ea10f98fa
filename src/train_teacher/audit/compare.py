"""Comparison of the labels of one image with a teacher's detections."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

import numpy as np

from train_teacher.core.arrays import Boxes, Flags, Ints
from train_teacher.scores.detections import ImageDetections, choose_labels, overlaps

Kind = Literal["missing", "phantom", "class", "location", "double"]
LEAST_SCORE = 0.05
SAME_PLACE = 0.6
"""Overlap from which two boxes of the teacher are one object: its surest class counts."""
ON, NEAR, PRECISE, DOUBLE = 0.5, 0.3, 0.7, 0.7


class Doubt(NamedTuple):
    """A label that may be wrong, or a place without one; the rows are of the image."""

    kind: Kind
    label: int
    """Row of the label, -1 for none."""
    found: int
    """Row of the detection, -1 for none."""
    overlap: float = 0.0


class Comparison(NamedTuple):
    """One image: detections, doubted labels, and the scores to judge them by."""

    label: Ints
    """(T,) class numbers."""
    found: ImageDetections
    """Each object once."""
    doubts: tuple[Doubt, ...]
    agrees: Flags
    """(K,) whether a found box lies on a label of its class."""
    overlap: Boxes
    """(K,) with the label of its class that it lies on or near; NaN for none."""
    support: Boxes
    """(T,) best score near each label."""


def compare(label: Ints, box: Boxes, looked: ImageDetections) -> Comparison:
    """Compare T labels of an image, crowds left out, with all detections in it.

    Args:
        label: (T,) class numbers.
        box: (T, 4) xyxy, pixels.
        looked: the teacher's detections, whatever their score.
    """
    found = choose_labels(looked, LEAST_SCORE, SAME_PLACE)
    iou = overlaps(found.box, box)
    same = found.label[:, None] == label[None]
    # What agrees first, so that no label is doubted for a box that another label explains.
    on = _paired(np.full(len(found.score), -1), np.where(same, iou, 0), ON)
    other = _paired(on, np.where(same, 0, iou), ON)
    near = _paired(other, np.where(same, iou, 0), NEAR)
    agrees = on >= 0
    of_class = agrees | ((near >= 0) & (other < 0))
    overlap = np.full(len(near), np.nan)
    overlap[of_class] = iou[of_class, near[of_class]]
    support = np.where(overlaps(looked.box, box) >= NEAR, looked.score[:, None], 0)
    support = support.max(axis=0, initial=0)

    def doubts() -> Iterator[Doubt]:
        for row, at in enumerate(near.tolist()):
            if at < 0 and iou[row].max(initial=0) < NEAR:
                yield Doubt("missing", -1, row)
            elif at >= 0 and not of_class[row]:
                yield Doubt("class", at, row, float(iou[row, at]))
            elif at >= 0 and overlap[row] < PRECISE:
                yield Doubt("location", at, row, float(overlap[row]))
        alike = overlaps(box, box) >= DOUBLE
        explained = set(near.tolist())
        for row in (row for row in range(len(label)) if row not in explained):
            twins = [t for t in np.flatnonzero(alike[row]).tolist() if t in explained or t < row]
            yield Doubt("double" if twins else "phantom", row, -1)

    return Comparison(label, found, tuple(doubts()), agrees, overlap, support)


def outside_crowds(looked: ImageDetections, crowds: Boxes) -> ImageDetections:
    """Return the detections outside regions of unlabeled objects: nothing is missing there."""
    inside = overlaps(looked.box, crowds, crowds=True) >= ON
    return looked.rows(np.flatnonzero(~inside.any(axis=1)))


def _paired(taken: Ints, iou: Boxes, least: float) -> Ints:
    """Return (K,) the label of each box, the best box choosing first; -1 for none.

    Args:
        taken: (K,) labels of the boxes that have one already.
        iou: (K, T) overlap, 0 where a pair is not allowed.
        least: overlap of a pair.
    """
    pairs, free = taken.copy(), iou.copy()
    free[:, taken[taken >= 0]] = 0
    for row in np.flatnonzero(taken < 0).tolist():
        if free[row].max(initial=0) >= least:
            pairs[row] = free[row].argmax()
            free[:, pairs[row]] = 0
    return pairs
