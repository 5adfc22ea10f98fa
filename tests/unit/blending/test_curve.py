"""The chosen blend costs nothing that shows on the run's own images."""

from __future__ import annotations

from train_teacher.blending.curve import BlendPoint, best_of, choose
from train_teacher.scores.bootstrap import Chance


def point(
    alpha: float, validation: float, retained: float | None, high: float | None
) -> BlendPoint:
    chance = None if high is None else Chance(boxes=9, better=0.5, low=-0.5, high=high)
    return BlendPoint(
        alpha=alpha,
        validation=validation,
        validation_50=validation,
        retained=retained,
        chance=chance,
    )


def test_it_has_the_highest_mean_among_those_that_are_as_good_as_the_best() -> None:
    points = [
        point(0.0, 0.1, 0.95, -0.3),
        point(0.25, 0.4, 0.44, -0.01),
        point(0.5, 0.47, 0.42, 0.01),
        point(0.75, 0.49, 0.41, 0.02),
        point(1.0, 0.5, 0.2, None),
    ]
    chosen, reason = choose(points)
    assert chosen.alpha == 0.75
    assert "(0.450) of the 3 blends of 5" in reason


def test_a_loss_that_shows_is_not_paid_for_what_the_base_knew() -> None:
    points = [point(0.0, 0.1, 0.9, -0.3), point(0.5, 0.4, 0.8, -0.01), point(1.0, 0.5, 0.1, None)]
    chosen, reason = choose(points)
    assert chosen.alpha == 1.0
    assert "the 1 blend of 3" in reason


def test_without_retained_images_the_best_on_validation_is_taken_and_it_says_so() -> None:
    points = [point(0.0, 0.1, None, -0.3), point(0.5, 0.6, None, None), point(1.0, 0.5, None, 0.1)]
    chosen, reason = choose(points)
    assert chosen.alpha == 0.5
    assert "nothing else was scored" in reason


def test_of_equal_scores_the_most_trained_is_the_best() -> None:
    assert best_of([None, 0.5, 0.5]) == 2
