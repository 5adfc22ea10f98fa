"""The score that each class needs for a precision, with its confidence on other images.

Precision at a threshold is the share of right boxes among those of a class with at least that
score; right is a box that lies on a label of its class with an overlap (IoU) of 0.5 or more, as
COCO pairs them, on the validation split, where crowds count neither way. Its bound is what 95 % of
the resampled sets of images exceed (bootstrap, one-sided), and never more than the
exact bound of a share (Clopper and Pearson), which the bootstrap passes where few boxes are wrong.
In simulations with known precision the two together chose a score that is too low in 5 of 100
sets, as they should; the bootstrap alone in up to 14.
"""

from __future__ import annotations

import msgspec
import numpy as np

from train_teacher.core.arrays import Flags, Floats, Ints
from train_teacher.scores.bootstrap import draws
from train_teacher.scores.detections import Detections, GroundTruth
from train_teacher.scores.judgement import judge

DOUBT = 0.05
LEVELS = 40
"""Thresholds that are tried: those that find one fortieth more of what is right each time."""
DIGITS = 4
"""Of scores, as `teacher predict` writes them."""


class Level(msgspec.Struct, frozen=True, array_like=True):
    """Boxes that are kept from a score on."""

    score: float
    kept: int
    right: int
    at_least: float
    """Precision that is exceeded in 95 of 100 sets of other images."""


class ScoreLevels(msgspec.Struct, frozen=True):
    """One class at several scores."""

    objects: int
    levels: tuple[Level, ...]
    """Strictest first."""

    def level(self, precision: float) -> Level | None:
        """Return the lowest score whose precision bound suffices, None when there is none."""
        sure = [level for level in self.levels if level.at_least >= precision]
        return sure[-1] if sure else None

    def can_tell(self, precision: float) -> bool:
        """Return whether this many boxes, all right, would prove a precision."""
        return bool(self.levels) and self.levels[-1].kept >= np.log(DOUBT) / np.log(precision)


class ClassThreshold(msgspec.Struct, frozen=True, kw_only=True):
    """The score that a class is kept from."""

    score: float
    kept: int
    """Boxes on the validation split that it rests on: of the class, or of all where `common`."""
    right: int
    precision_at_least: float
    common: bool
    """True when it is that of all classes, because the class has too few boxes."""
    reached: bool
    """False for a class that has no score with the precision: this is its best."""


class Thresholds(msgspec.Struct, frozen=True):
    """Precision and recall at every score, from the detections of the validation split."""

    common: ScoreLevels
    """All classes together."""
    classes: tuple[ScoreLevels, ...]
    images: int

    def at(self, precision: float) -> tuple[ClassThreshold, ...]:
        """Return the threshold of each class for a precision.

        A class with too few boxes to prove it gets the common one, and a class that does not reach
        it the score with its highest bound.
        """
        return tuple(_threshold(levels, self.common, precision) for levels in self.classes)


def _threshold(own: ScoreLevels, common: ScoreLevels, precision: float) -> ClassThreshold:
    is_common = not own.can_tell(precision)
    used = common if is_common else own
    found = used.level(precision)
    level = found or max(used.levels, key=lambda level: level.at_least, default=Level(1, 0, 0, 0))
    return ClassThreshold(
        score=level.score,
        kept=level.kept,
        right=level.right,
        precision_at_least=level.at_least,
        common=is_common,
        reached=found is not None,
    )


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
