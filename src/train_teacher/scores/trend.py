"""Trend of a series of numbers: rising, falling, or only noisy (Mann 1945, Kendall 1975)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

LEAST_POINTS = 4
"""Of three in random order, one in six falls."""
SIGNIFICANT = 1.645
"""Standard deviations: of a series without a trend, 5 % are said to rise, and 5 % to fall."""
MOST_POINTS = 12
"""Means that a long noisy series is judged by."""


def trend(values: Sequence[float]) -> int:
    """Return 1 for a series that rises, -1 for one that falls, 0 where it may be noise.

    Each pair of values counts alike (Mann and Kendall), with the variance corrected for ties, so
    that an outlier does not make a trend.
    """
    series, count = np.asarray(values, np.float64), len(values)
    if count < LEAST_POINTS:
        return 0
    rising = int(np.triu(np.sign(series - series[:, None]), 1).sum())
    _, ties = np.unique(series, return_counts=True)
    variance = (_pairs(count) - sum(map(_pairs, ties.tolist()))) / 18
    if abs(rising) - 1 <= SIGNIFICANT * variance**0.5:
        return 0
    return 1 if rising > 0 else -1


def _pairs(count: int) -> int:
    return count * (count - 1) * (2 * count + 5)


def averaged(values: Sequence[float]) -> list[float]:
    """Return a long series as the means of `MOST_POINTS` parts."""
    parts = np.array_split(np.asarray(values, np.float64), min(len(values), MOST_POINTS) or 1)
    return [float(part.mean()) for part in parts if part.size]
