"""Kept and right boxes from every score on, with confidence bounds (see `thresholds.py`)."""

from __future__ import annotations

import numpy as np

from train_teacher.core.arrays import Flags, Floats, Ints
from train_teacher.scores.bootstrap import draws
from train_teacher.scores.detections import Detections, GroundTruth
from train_teacher.scores.judgement import judge
from train_teacher.scores.thresholds import DOUBT, Level, ScoreLevels, Thresholds

LEVELS = 40
"""Thresholds that are tried: those that find one fortieth more of what is right each time."""
DIGITS = 4
"""Of scores, as `teacher predict` writes them."""


def measure_thresholds(found: Detections, truth: GroundTruth, num_classes: int) -> Thresholds:
    """Count the kept and the right boxes of each class, and of all, from every score on."""
    judged = judge(found, truth, num_classes)
    counted = judged.flags >= 0
    places, right = truth.places(found.image_id), judged.flags == 1
    drawn = draws(len(truth.image_ids))

    def levels(rows: Ints, objects: int) -> ScoreLevels:
        return ScoreLevels(objects, _levels(found.score[rows], right[rows], places[rows], drawn))

    return Thresholds(
        levels(np.flatnonzero(counted), int(judged.objects.sum())),
        tuple(
            levels(np.flatnonzero(counted & (found.label == label)), objects)
            for label, objects in enumerate(judged.objects.tolist())
        ),
        len(truth.image_ids),
    )


def _levels(score: Floats, right: Flags, places: Ints, drawn: Ints) -> tuple[Level, ...]:
    """Return the levels of some detections.

    Args:
        score: (K,) of each.
        right: (K,) whether it is.
        places: (K,) its image.
        drawn: (R, I) how often an image is in each resampled set.
    """
    from scipy.special import betaincinv

    # Rounded down: what is written must be enough for the boxes it was counted with.
    score = np.floor(score * 10**DIGITS) / 10**DIGITS
    hits = np.sort(score[right])[::-1]
    if not len(hits):
        return ()
    steps = np.ceil(np.linspace(0, len(hits), LEVELS + 1)[1:]).astype(int) - 1
    starts = np.unique(hits[steps])[::-1]  # strictest first
    level = np.searchsorted(-starts, -score)  # the first level that keeps each
    table = np.zeros((2, drawn.shape[1], len(starts) + 1), np.int64)
    np.add.at(table[0], (places, level), 1)
    np.add.at(table[1], (places[right], level[right]), 1)
    kept, good = table.cumsum(axis=2)[..., :-1]
    precision = (drawn @ good) / np.maximum(drawn @ kept, 1)
    bounds = np.quantile(precision, DOUBT, axis=0, method="lower")
    kept, good = kept.sum(axis=0), good.sum(axis=0)
    bounds = np.minimum(bounds, betaincinv(good, kept - good + 1, DOUBT)).round(DIGITS)
    columns = (column.tolist() for column in (starts, kept, good, bounds))
    return tuple(Level(*row) for row in zip(*columns, strict=True))
