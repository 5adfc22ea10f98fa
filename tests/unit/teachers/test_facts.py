"""A teacher is asked by its phrases, and its labels carry the user's own names."""

from __future__ import annotations

import pytest

from train_teacher.core.errors import UsageError, UserError
from train_teacher.scores.analysis import DEFAULT_THRESHOLD
from train_teacher.scores.thresholds import Level, ScoreLevels, Thresholds
from train_teacher.teachers.facts import TeacherFacts


def test_a_phrase_leads_back_to_the_name_it_stands_for() -> None:
    facts = TeacherFacts("exp1", ("lift truck", "cat"), {"FORK_01": "lift truck"}, 0.42)
    assert facts.class_names == ("lift truck", "cat")
    assert facts.original_names == ("FORK_01", "cat")
    assert facts.score_threshold == 0.42


def test_a_teacher_that_was_not_validated_has_a_threshold_that_is_called_a_guess() -> None:
    facts = TeacherFacts("exp1", ("cat",), {}, None)
    assert (facts.score_threshold, facts.threshold) == (DEFAULT_THRESHOLD, None)


def test_a_precision_that_no_class_is_sure_to_reach_is_refused_with_the_best_there_is() -> None:
    few = ScoreLevels(9, (Level(0.5, 9, 9, 0.71),))
    facts = TeacherFacts("exp1", ("cat",), {}, None, Thresholds(few, (few,), 12))
    (threshold,) = facts.for_precision(0.7)
    assert list(facts.tell_thresholds([threshold])) == [
        "  cat: from 0.5000 on (9 of 9 right on validation, at least 0.71)"
    ]
    with pytest.raises(UserError, match=r"on the 12 validation images; the best bound is 0\.71"):
        facts.for_precision(0.9)
    with pytest.raises(UsageError, match="more than 0 and less than 1"):
        facts.for_precision(90)


def test_a_teacher_of_an_earlier_version_says_that_it_cannot_tell() -> None:
    with pytest.raises(UserError, match="Export the run again"):
        TeacherFacts("exp1", ("cat",), {}, 0.4).for_precision(0.9)


def test_a_class_with_too_few_boxes_is_told_to_have_the_score_of_all() -> None:
    many, few = ScoreLevels(90, (Level(0.3, 90, 88, 0.94),)), ScoreLevels(2, (Level(0.5, 2, 2, 0),))
    facts = TeacherFacts("exp1", ("cat",), {}, None, Thresholds(many, (few,), 12))
    (told,) = facts.tell_thresholds(facts.for_precision(0.9))
    assert told.startswith("  cat: from 0.3000 on (that of all classes, having too few boxes; 88")
