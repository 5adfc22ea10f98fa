"""The scores along a blend, and the rule that chooses one of them."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

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
        """Whether the validation images cannot tell it from the best: the interval reaches 0."""
        return self.chance is not None and self.chance.high >= 0


class BlendCurve(msgspec.Struct, frozen=True, kw_only=True):
    """The object of `teacher blend --format json`."""

    run: str
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
    """Return the place of the best score, of equal ones the last: the most of what was trained."""
    return max(range(len(scores)), key=lambda place: (scores[place] or 0.0, place))


def choose(points: Sequence[BlendPoint]) -> tuple[BlendPoint, str]:
    """Return the blend that forgets least among those that the validation cannot tell apart.

    The run was made for its own classes: nothing that shows on their images is given away, and
    what does not show is spent on what the base knew. Without retained scores the least trained
    of them is taken, which is nearest to the base. WiSE-FT itself takes the mean of both scores or
    0.5 without looking; means of two data sets compare what is not comparable.
    """
    best = points[best_of([point.validation for point in points])]
    equal = [point for point in points if point is best or point.is_as_good]
    among = f"{len(equal)} of {len(points)} blends are within the 95 % interval of the best"
    if len(equal) == 1:
        return best, "it is the best on the validation split, beyond its 95 % interval"
    if any(point.retained is not None for point in equal):
        # Of equal ones the most of what was trained.
        chosen = equal[best_of([point.retained for point in equal])]
        return chosen, f"{among} on the validation split; of these it kept most of --retain"
    return equal[0], f"{among} on the validation split; of these it is nearest to the base"
