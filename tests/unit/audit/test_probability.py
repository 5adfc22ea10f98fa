"""Probabilities are those of the errors that were put in, and of clean labels nothing is likely."""

from __future__ import annotations

import numpy as np
import pytest

from train_teacher.audit.probability import (
    wrong_by_disagreement,
    wrong_by_overlap,
    wrong_by_recall,
    wrong_by_support,
)

COUNT, MANY = 2000, 10_000


def test_the_surest_boxes_that_disagree_show_wrong_labels_and_unsure_ones_do_not() -> None:
    random = np.random.default_rng(0)
    score = random.random(MANY)
    is_right = random.random(MANY) < score**0.3
    dropped = random.random(MANY) < 0.15
    chance = wrong_by_disagreement(score, is_right & ~dropped, int(is_right.sum()))
    disagrees = ~(is_right & ~dropped)
    for low, high in ((0.1, 0.3), (0.3, 0.6), (0.6, 0.8), (0.8, 1.0)):
        part = disagrees & (score >= low) & (score < high)
        truly = dropped[part & is_right].sum() / part.sum()
        assert chance[part].mean() == pytest.approx(truly, abs=0.12)
    clean = wrong_by_disagreement(score, is_right, int(is_right.sum()))
    assert clean[~is_right & (score < 0.6)].mean() < 0.15


def test_a_surplus_of_labels_without_support_is_phantoms() -> None:
    random = np.random.default_rng(0)
    real = random.beta(8, 4, COUNT)
    chance = wrong_by_support(np.append(real, np.zeros(200)))
    assert chance[-200:].min() > 0.9
    assert chance[:COUNT][real > 0.2].max() < 0.5
    assert wrong_by_support(real).max() < 0.7
    assert wrong_by_support(np.zeros(0)).shape == (0,)


def test_a_surplus_of_small_overlaps_is_labels_that_lie_wrong() -> None:
    random = np.random.default_rng(0)
    real = 1 - random.exponential(0.08, COUNT).clip(0, 0.7)
    shifted = random.uniform(0.3, 0.6, 200)
    chance = wrong_by_overlap(np.append(real, shifted))
    assert chance[-200:][shifted < 0.5].mean() > 0.85
    assert chance[:COUNT][real >= 0.7].max() == 0
    assert wrong_by_overlap(real)[real >= 0.5].max() < 0.5


def test_a_double_is_the_likelier_the_more_the_teacher_finds() -> None:
    assert wrong_by_recall(1.0) == pytest.approx(1.0)
    assert wrong_by_recall(0.95) == pytest.approx(0.909, abs=1e-3)
    assert wrong_by_recall(0.0) == pytest.approx(1 / 3)


def test_nothing_found_makes_nothing_likely() -> None:
    assert wrong_by_disagreement(np.zeros(0), np.zeros(0, np.bool_), 0).shape == (0,)
    assert wrong_by_overlap(np.zeros(0)).shape == (0,)
