"""A polygon is said to cross itself only where it does."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from train_teacher.coco.masks.outlines import Outlines
from train_teacher.coco.masks.self_crossing import crosses_itself

Point = tuple[float, float]


def told(*polygons: Sequence[float]) -> list[bool]:
    numbers = np.array([value for polygon in polygons for value in polygon], np.float64)
    lengths = np.array([len(p) for p in polygons], np.int64)
    return crosses_itself(Outlines.unpacked(numbers, lengths)).tolist()


def side(a: Point, b: Point, c: Point) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def crossings(points: Sequence[Point]) -> int:
    edges = list(zip(points, [*points[1:], points[0]], strict=True))
    found = 0
    for first, (a, b) in enumerate(edges):
        for second, (c, d) in enumerate(edges[:first]):
            if first - second not in (1, len(edges) - 1):
                sides = side(a, b, c), side(a, b, d), side(c, d, a), side(c, d, b)
                assume(0 not in sides)
                found += sides[0] * sides[1] < 0 and sides[2] * sides[3] < 0
    return found


@pytest.mark.parametrize(
    ("polygon", "crosses"),
    [
        ([0, 0, 10, 10, 10, 0, 0, 10], True),
        ([0, 0, 10, 0, 10, 10, 0, 10], False),
        ([0, 10, 10, 10, 10, 0, 0, 0], False),
        # closed, and with a point that stands twice
        ([0, 0, 10, 0, 10, 0, 10, 10, 0, 10, 0, 0], False),
        ([0, 0, 10, 10, 10, 10, 10, 0, 0, 10, 0, 0], True),
        # a hole, reached over a bridge that is walked both ways
        ([0, 0, 9, 0, 9, 9, 0, 9, 0, 0, 3, 3, 3, 6, 6, 6, 6, 3, 3, 3], False),
        # a spike: there and straight back
        ([0, 0, 10, 0, 20, 0, 10, 0, 10, 10, 0, 10], False),
        # round twice, the second time inside
        ([0, 0, 10, 0, 10, 10, 0, 10, 1, 2, 8, 2, 8, 8, 2, 8], True),
        # no outline
        ([5, 5, 5, 5, 5, 5], False),
        ([0, 0, 5, 5, 10, 10], False),
    ],
)
def test_outlines_that_are_plain_to_see(polygon: list[float], crosses: bool) -> None:
    triangle = [0.0, 0, 4, 0, 0, 4]
    assert told(triangle, polygon, triangle) == [False, crosses, False]


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), min_size=4, max_size=9))
def test_an_odd_number_of_crossings_is_found_and_none_is_never_told(points: list[Point]) -> None:
    count = crossings(points)
    crosses = told([value for point in points for value in point]) == [True]
    assume(len(set(points)) == len(points))
    if count % 2:
        assert crosses
    if not count:
        assert not crosses


@given(st.integers(3, 60), st.integers(0, 2**32 - 1))
def test_an_outline_drawn_around_a_point_never_crosses_itself(count: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    angles = (np.arange(count) + random.uniform(0.1, 0.9, count)) / count * 2 * np.pi
    radius = random.uniform(20, 100, count)
    outline = np.stack([radius * np.cos(angles), radius * np.sin(angles)]).T + 200
    assert told(outline.reshape(-1).tolist()) == [False]
