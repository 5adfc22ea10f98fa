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

DOUBT = 0.05


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
