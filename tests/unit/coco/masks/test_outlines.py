from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from train_teacher.coco.masks.outlines import Outlines

COORDINATES = st.integers(-1000, 1000)
POLYGONS = st.lists(
    st.lists(st.tuples(COORDINATES, COORDINATES), min_size=1, max_size=7), min_size=1, max_size=6
)


def outlines_of(polygons: list[list[tuple[int, int]]]) -> Outlines:
    numbers = [float(value) for polygon in polygons for point in polygon for value in point]
    return Outlines.unpacked(np.array(numbers), np.array([2 * len(p) for p in polygons]))


def shoelace(polygon: list[tuple[int, int]]) -> float:
    following = [*polygon[1:], polygon[0]]
    pairs = zip(polygon, following, strict=True)
    return abs(sum(x * v - u * y for (x, y), (u, v) in pairs)) / 2


@given(POLYGONS)
def test_each_polygon_has_the_area_and_the_bounds_it_has_alone(
    polygons: list[list[tuple[int, int]]],
) -> None:
    outlines = outlines_of(polygons)

    assert outlines.areas().tolist() == pytest.approx([shoelace(p) for p in polygons])
    corners = np.array([np.array(p).min(axis=0) for p in polygons])
    np.testing.assert_array_equal(np.stack(outlines.lowest()).T, corners)
    corners = np.array([np.array(p).max(axis=0) for p in polygons])
    np.testing.assert_array_equal(np.stack(outlines.highest()).T, corners)


@given(POLYGONS)
def test_the_steps_of_a_closed_outline_lead_back_to_its_start(
    polygons: list[list[tuple[int, int]]],
) -> None:
    outlines = outlines_of(polygons)
    steps = outlines.steps(outlines.x)

    assert np.add.reduceat(steps, outlines.starts).tolist() == [0] * len(polygons)
    starts, first_steps = outlines.x[outlines.starts], steps[outlines.starts]
    seconds = [polygon[1 % len(polygon)][0] for polygon in polygons]
    assert (starts + first_steps).tolist() == seconds
