"""What is known of a trained teacher, wherever it came from: names, phrases, threshold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from train_teacher.scores.analysis import DEFAULT_THRESHOLD


@dataclass(frozen=True)
class TeacherFacts:
    """A teacher's classes, and how sure it should be."""

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


def teacher_facts(
    name: str, class_names: Sequence[str], prompts: Mapping[str, str], threshold: float | None
) -> TeacherFacts:
    """Collect the facts of a teacher: its phrases, in label order, and prompts by original name."""
    original = {phrase: own for own, phrase in prompts.items()}
    return TeacherFacts(
        name=name,
        class_names=tuple(class_names),
        original_names=tuple(original.get(phrase, phrase) for phrase in class_names),
        score_threshold=DEFAULT_THRESHOLD if threshold is None else threshold,
        threshold_known=threshold is not None,
    )
