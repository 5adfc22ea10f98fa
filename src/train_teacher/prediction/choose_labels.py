"""Choice of the detections that become labels for a student."""

from __future__ import annotations

import numpy as np

from train_teacher.core.arrays import Floats
from train_teacher.scores.detections import ImageDetections, overlaps

NEARLY_THE_SAME = 0.9
"""Overlap from which two boxes are one object seen twice: Grounding DINO has no NMS; only training
keeps its queries apart."""


def choose_labels(
    found: ImageDetections, threshold: float | Floats, most_overlap: float = NEARLY_THE_SAME
) -> ImageDetections:
    """Return the detections that are sure enough, each object once.

    Args:
        found: in one image, best first.
        threshold: least score, of all classes or (C,) of each.
        most_overlap: a box that overlaps a better one more is left out, whatever their classes: an
            object has one label; 1 keeps all.
    """
    least = threshold[found.label] if isinstance(threshold, np.ndarray) else threshold
    extent = found.box[:, 2:] - found.box[:, :2]
    sure = found.rows((found.score >= least) & (extent > 0).all(axis=1))
    if most_overlap >= 1:
        return sure
    doubled = overlaps(sure.box, sure.box) > most_overlap
    kept = np.ones(len(sure.score), np.bool_)
    for row in range(len(kept)):
        if kept[row]:
            kept[row + 1 :] &= ~doubled[row, row + 1 :]
    return sure.rows(kept)
