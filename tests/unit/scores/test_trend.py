"""A trend is distinguished from noise as often as claimed, and not more often wrong."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from train_teacher.scores.trend import averaged, trend


@pytest.mark.parametrize(
    ("values", "direction"),
    [
        ((1, 2, 3, 4), 1),
        ((4, 3, 2, 1), -1),
        ((1, 2, 3), 0),
        ((1, 2, 4, 3), 0),
        ((2, 2, 2, 2, 2), 0),
        ((0.064, 0.064, 0.138, 0.081, 0.115, 0.114), 0),
        ((9, 8, 7, 6, 5, 4, 3, 2, 99), -1),
        ((), 0),
    ],
)
def test_a_series_rises_falls_or_may_be_chance(values: tuple[float, ...], direction: int) -> None:
    assert trend(values) == direction


@pytest.mark.parametrize("count", [4, 5, 6, 7])
def test_of_all_orders_of_a_few_values_at_most_one_in_twenty_is_said_to_rise(count: int) -> None:
    found = [trend(order) for order in permutations(range(count))]
    assert 0 < found.count(1) <= 0.05 * len(found)
    assert found.count(1) == found.count(-1)


def test_of_noise_one_in_twenty_is_said_to_fall_and_a_slope_is_found() -> None:
    noise = np.random.default_rng(0).normal(size=(2000, 12))
    assert 0.03 < np.mean([trend(series) < 0 for series in noise]) < 0.06
    sloping = noise - 0.3 * np.arange(12)
    assert np.mean([trend(series) < 0 for series in sloping]) > 0.8


def test_a_long_series_is_judged_by_the_means_of_its_parts() -> None:
    assert averaged([1.0, 2.0, 3.0]) == [1.0, 2.0, 3.0]
    assert averaged([*[1.0] * 60, *[3.0] * 60]) == [*[1.0] * 6, *[3.0] * 6]
    assert averaged([]) == []
