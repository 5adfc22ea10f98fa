"""A chosen precision holds on other images, and unknown ones are reported."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from train_teacher.scores.detections import Detections, GroundTruth
from train_teacher.scores.thresholds import Level, ScoreLevels, Thresholds, measure_thresholds

IMAGES = 60
EASY, HARD, RARE, POOR = range(4)


def drawn(seed: int, images: int = IMAGES) -> tuple[Detections, GroundTruth]:
    """Return detections that are right as often as their class and their score say."""
    random = np.random.default_rng(seed)
    rows, labels = [], []
    counts = {EASY: 4, HARD: 4, RARE: 1, POOR: 3}
    for image in range(images):
        for label, count in counts.items():
            for place in range(count if label != RARE or image < 6 else 0):
                box = (100 * label, 100 * place, 100 * label + 50, 100 * place + 50)
                score = random.random()
                labels.append((image, label, box))
                is_right = (
                    random.random() < ({EASY: score**0.1, HARD: score, RARE: 1, POOR: 0.4}[label])
                )
                far = tuple(value + (0 if is_right else 5000) for value in box)
                rows.append((image, label, score, far))
    columns = list(zip(*rows, strict=True))
    told = list(zip(*labels, strict=True))
    return (
        Detections(*map(np.array, columns[:3]), np.array(columns[3], np.float64)),
        GroundTruth(
            *map(np.array, told[:2]),
            np.array(told[2], np.float64),
            np.zeros(len(labels), np.bool_),
            np.arange(images),
        ),
    )


def measured(seed: int) -> Thresholds:
    return measure_thresholds(*drawn(seed), 4)


def test_each_class_gets_the_score_that_it_needs_with_the_counts_behind_it() -> None:
    easy, hard, rare, poor = measured(0).at(0.8)
    assert easy.reached
    assert hard.reached
    assert easy.score < 0.3 < hard.score
    assert easy.precision_at_least >= 0.8
    assert easy.right / easy.kept >= 0.8
    assert (easy.common, hard.common) == (False, False)
    assert rare.common, "six boxes prove nothing"
    assert (poor.common, poor.reached) == (False, False)


def test_the_precision_holds_on_other_images_nearly_always() -> None:
    found, _ = drawn(1000, 2000)
    other = found.rows(found.label == HARD)
    is_right = other.box[:, 0] < 4000
    precisions = []
    for seed in range(40):
        threshold = measured(seed).at(0.7)[HARD]
        assert threshold.reached
        precisions.append(is_right[other.score >= threshold.score].mean())
    assert sum(precision < 0.7 for precision in precisions) <= 4
    assert np.mean(precisions) < 0.85, "nor is more left out than must be"


def test_boxes_without_a_single_wrong_one_prove_no_more_than_their_number() -> None:
    found, truth = drawn(0)
    right = found.rows(found.box[:, 0] < 4000)
    best = measure_thresholds(right, truth, 4).classes[RARE].levels[-1]
    assert (best.kept, best.right) == (6, 6)
    assert best.at_least == pytest.approx(0.05 ** (1 / 6), abs=1e-4)


def test_nothing_found_and_nothing_labelled_choose_no_score() -> None:
    found, truth = drawn(0)
    nothing = np.zeros(0, np.int64)
    for thresholds in (
        measure_thresholds(found.rows(nothing), truth, 4),
        measure_thresholds(found, truth.rows(nothing), 4),
    ):
        assert {(one.score, one.reached) for one in thresholds.at(0.5)} == {(1, False)}


def test_they_are_the_same_when_read_back() -> None:
    thresholds = measured(0)
    assert msgspec.json.decode(msgspec.json.encode(thresholds), type=Thresholds) == thresholds


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
