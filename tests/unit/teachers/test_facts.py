"""A teacher is asked by its phrases, and its labels carry the user's own names."""

from __future__ import annotations

from train_teacher.scores.analysis import DEFAULT_THRESHOLD
from train_teacher.teachers.facts import teacher_facts


def test_a_phrase_leads_back_to_the_name_it_stands_for() -> None:
    facts = teacher_facts("exp1", ["lift truck", "cat"], {"FORK_01": "lift truck"}, 0.42)
    assert facts.class_names == ("lift truck", "cat")
    assert facts.original_names == ("FORK_01", "cat")
    assert (facts.score_threshold, facts.threshold_known) == (0.42, True)


def test_a_teacher_that_was_not_validated_has_a_threshold_that_is_called_a_guess() -> None:
    facts = teacher_facts("exp1", ["cat"], {}, None)
    assert (facts.score_threshold, facts.threshold_known) == (DEFAULT_THRESHOLD, False)
