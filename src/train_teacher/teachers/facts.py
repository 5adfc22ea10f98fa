"""Facts about a trained teacher, whatever its source: names, phrases, threshold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

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
    original_names: tuple[str, ...]
    """Names of the same classes in the user's data."""
    score_threshold: float
    """Score that balances precision and recall on the validation split."""
    threshold_known: bool
    """False when the threshold is a guess: nothing was validated."""
    thresholds: Thresholds | None = None
    """Precision and recall of other scores on the validation split, class by class."""

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


def teacher_facts(
    name: str,
    class_names: Sequence[str],
    prompts: Mapping[str, str],
    threshold: float | None,
    thresholds: Thresholds | None = None,
) -> TeacherFacts:
    """Collect the facts of a teacher: its phrases, in label order, and prompts by original name."""
    original = {phrase: own for own, phrase in prompts.items()}
    return TeacherFacts(
        name=name,
        class_names=tuple(class_names),
        original_names=tuple(original.get(phrase, phrase) for phrase in class_names),
        score_threshold=DEFAULT_THRESHOLD if threshold is None else threshold,
        threshold_known=threshold is not None,
        thresholds=thresholds,
    )
