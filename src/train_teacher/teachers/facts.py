"""Facts about a trained teacher, whatever its source: names, phrases, threshold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from train_teacher.core.errors import UsageError, UserError
from train_teacher.scores.analysis import DEFAULT_THRESHOLD
from train_teacher.scores.thresholds import ClassThreshold, Thresholds

SHOWN_CLASSES = 30


@dataclass(frozen=True)
class TeacherFacts:
    """A teacher's classes and thresholds."""

    name: str
    """For people: of its folder."""
    class_names: tuple[str, ...]
    """Phrases that the model reads, in the order of the labels."""
    prompts: Mapping[str, str]
    """Phrases by the name in the user's data, where that is another."""
    threshold: float | None
    """Score that balances precision and recall on the validation split, None without one."""
    thresholds: Thresholds | None = None
    """Precision and recall of other scores on the validation split, class by class."""

    @cached_property
    def original_names(self) -> tuple[str, ...]:
        """Names of the classes in the user's data."""
        original = {phrase: own for own, phrase in self.prompts.items()}
        return tuple(original.get(phrase, phrase) for phrase in self.class_names)

    @property
    def score_threshold(self) -> float:
        """The threshold; a guess where nothing was validated."""
        return DEFAULT_THRESHOLD if self.threshold is None else self.threshold

    def for_precision(self, precision: float) -> tuple[ClassThreshold, ...]:
        """Return the least score of each class for a precision.

        Raises:
            UsageError: it is no share.
            UserError: the validation split cannot prove it for any class.
        """
        if not 0 < precision < 1:
            raise UsageError(f"--precision {precision:g}: give more than 0 and less than 1.")
        if self.thresholds is None:
            raise UserError(
                f"--precision: {self.name} does not hold the counts of right boxes at "
                "validation. Export the run again (teacher export), or give --score-threshold."
            )
        chosen = self.thresholds.at(precision)
        if not any(one.reached for one in chosen):
            best = max(one.precision_at_least for one in chosen)
            raise UserError(
                f"--precision {precision:g}: no class reaches it surely on the "
                f"{self.thresholds.images} validation images; the best bound is {best:.2f}. Ask "
                "for less, or validate on more images."
            )
        return chosen

    def tell_thresholds(self, chosen: Sequence[ClassThreshold]) -> Iterator[str]:
        """Yield a line for each class: its score, and the counts that it rests on."""
        pairs = zip(self.original_names, chosen, strict=True)
        for name, one in list(pairs)[:SHOWN_CLASSES]:
            why = "that of all classes, having too few boxes; " if one.common else ""
            why += "" if one.reached else "the best there is, which does not reach it; "
            yield (
                f"  {name}: from {one.score:.4f} on ({why}{one.right:,} of {one.kept:,} right on "
                f"validation, at least {one.precision_at_least:.2f})"
            )
        if len(chosen) > SHOWN_CLASSES:
            yield f"  and {len(chosen) - SHOWN_CLASSES} more"
