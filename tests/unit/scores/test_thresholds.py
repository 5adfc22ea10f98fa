"""The lowest score that is surely precise enough is chosen, and other cases are distinguished."""

from __future__ import annotations

from train_teacher.scores.thresholds import Level, ScoreLevels, Thresholds

SURE = ScoreLevels(80, (Level(0.9, 30, 30, 0.9), Level(0.6, 70, 68, 0.92), Level(0.3, 90, 70, 0.7)))
FEW = ScoreLevels(5, (Level(0.8, 5, 5, 0.55),))
WRONG = ScoreLevels(80, (Level(0.7, 40, 20, 0.37), Level(0.2, 90, 30, 0.25)))


def chosen(own: ScoreLevels, precision: float) -> tuple[float, bool, bool]:
    (threshold,) = Thresholds(SURE, (own,), 50).at(precision)
    return threshold.score, threshold.common, threshold.reached


def test_the_lowest_score_that_is_surely_precise_enough_is_chosen() -> None:
    assert chosen(SURE, 0.9) == (0.6, False, True)
    assert chosen(SURE, 0.6) == (0.3, False, True)


def test_a_class_with_too_few_boxes_has_the_score_of_all() -> None:
    assert chosen(FEW, 0.9) == (0.6, True, True)
    assert chosen(FEW, 0.5) == (0.8, False, True)


def test_a_class_that_is_too_often_wrong_has_its_best_score_and_not_that_of_others() -> None:
    assert chosen(WRONG, 0.9) == (0.7, False, False)
