"""The scores along a blend, and the rule that chooses one of them."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from train_teacher.core.words import plural
from train_teacher.scores.bootstrap import Chance

ALPHAS = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Shares of what was trained: 0 is the base."""


class BlendPoint(msgspec.Struct, frozen=True, kw_only=True):
    """A blend's mAP; None where there is no object."""

    alpha: float
    validation: float | None
    validation_50: float | None
    retained: float | None = None
    """None also without `--retain`."""
    chance: Chance | None = None
    """Of its gain over the best of the validation; None for that one, and for a large split."""

    @property
    def is_as_good(self) -> bool:
        """True when the validation images cannot tell it from the best: the interval reaches 0."""
        return self.chance is not None and self.chance.high >= 0


class BlendCurve(msgspec.Struct, frozen=True, kw_only=True):
    """The object of `teacher blend --format json`."""

    run: str
    trained: str
    """Checkpoint that is blended with the base: the best, or the last where that is the base."""
    points: tuple[BlendPoint, ...]
    """By alpha."""
    chosen: float
    reason: str
    validation_data: str
    validation_images: int
    retained_data: str | None
    retained_images: int
    output: str | None
    seconds: float

    @property
    def choice(self) -> BlendPoint:
        """The point that was chosen."""
        return next(point for point in self.points if point.alpha == self.chosen)


def best_of(scores: Sequence[float | None]) -> int:
    """Return the place of the best score, of equal ones the last: nearest to the training."""
    return max(range(len(scores)), key=lambda place: (scores[place] or 0.0, place))


def choose(points: Sequence[BlendPoint]) -> tuple[BlendPoint, str]:
    """Return the blend with the highest mean of both scores, of those with no measurable loss.

    The mean over the own data and the other is what WiSE-FT (Wortsman et al., CVPR 2022) compares
    blends by. The run was made for its own classes, though: a blend that is measurably
    worse on its validation images is not taken, however much it keeps of other objects.
    """
    best = points[best_of([point.validation for point in points])]
    if all(point.retained is None for point in points):
        return best, "the best on the validation split; nothing else was scored"
    equal = [point for point in points if point is best or point.is_as_good]
    means = [((point.validation or 0.0) + (point.retained or 0.0)) / 2 for point in equal]
    return equal[best_of(means)], (
        f"the highest mean of mAP and --retain ({max(means):.3f}) of the "
        f"{plural(len(equal), 'blend')} of {len(points)} not measurably worse than "
        "the best (95 % interval)"
    )
