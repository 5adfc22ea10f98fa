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


def test_it_keeps_most_of_what_the_base_knew_among_those_that_are_as_good_as_the_best() -> None:
    points = [
        point(0.0, 0.1, 0.45, -0.3),
        point(0.25, 0.4, 0.44, -0.01),
        point(0.5, 0.48, 0.40, 0.01),
        point(0.75, 0.49, 0.41, 0.02),
        point(1.0, 0.5, 0.2, None),
    ]
    chosen, reason = choose(points)
    assert chosen.alpha == 0.75
    assert "3 of 5" in reason
    assert "--retain" in reason


def test_a_loss_that_shows_is_not_paid_for_what_the_base_knew() -> None:
    points = [point(0.0, 0.1, 0.9, -0.3), point(0.5, 0.4, 0.8, -0.01), point(1.0, 0.5, 0.1, None)]
    chosen, reason = choose(points)
    assert chosen.alpha == 1.0
    assert "beyond" in reason


def test_without_retained_images_the_nearest_to_the_base_is_taken() -> None:
    points = [point(0.0, 0.1, None, -0.3), point(0.5, 0.49, None, 0.1), point(1.0, 0.5, None, None)]
    assert choose(points)[0].alpha == 0.5


def test_of_equal_scores_the_most_trained_is_the_best() -> None:
    assert best_of([None, 0.5, 0.5]) == 2
