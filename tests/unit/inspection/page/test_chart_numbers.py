from __future__ import annotations

import numpy as np
import pytest

from train_teacher.core.arrays import Floats
from train_teacher.inspection.page.chart_numbers import (
    HEAT_CELLS,
    MAX_COUNT_BINS,
    MAX_POINTS,
    BoxSample,
    InspectionCharts,
    inspection_charts,
    join_samples,
    training_scale,
    training_sides,
)


def sample(boxes: list[list[float]], rows: list[int], sizes: list[list[float]]) -> BoxSample:
    return BoxSample(
        np.array(boxes, np.float64).reshape(-1, 4),
        np.array(rows, np.int64),
        np.array(sizes, np.float64).reshape(-1, 2),
    )


def charts_of(boxes: BoxSample) -> InspectionCharts:
    return inspection_charts(boxes, (800, 1333))


def sides_of(boxes: BoxSample) -> Floats:
    return training_sides(boxes, (800, 1333))


def test_images_are_scaled_to_the_short_side_unless_the_long_side_gets_too_long() -> None:
    sizes = np.array([[640, 480], [480, 640], [4000, 1000], [1333, 800]], np.float64)

    assert training_scale(sizes, (800, 1333)) == pytest.approx(
        [800 / 480, 800 / 480, 1333 / 4000, 1]
    )


def test_box_sides_are_measured_at_training_scale() -> None:
    here = sample([[0, 0, 20, 20], [0, 0, 9, 4]], [1, 0], [[400, 400], [4000, 3000]])

    assert sides_of(here) == pytest.approx([20 * 800 / 3000, 6 * 2])


def test_each_side_falls_between_the_edges_of_its_bin_and_an_edge_belongs_to_the_right() -> None:
    charts = charts_of(sample([[0, 0, 8, 8], [0, 0, 11, 11]], [0, 0], [[800, 800]]))

    filled = charts.box_sides.counts.nonzero()[0]
    assert charts.box_sides.edges[filled[0]] == pytest.approx(8)
    assert charts.box_sides.edges[filled[1]] <= 11 < charts.box_sides.edges[filled[1] + 1]
    assert charts.small_shares == (0.0, 1.0)
    assert charts.side_median == 11


def test_sides_beyond_the_axis_are_counted_in_the_outermost_bins() -> None:
    boxes = [[0.0, 0, 0.01, 0.01], [0, 0, 1e5, 1e5]]

    counts = charts_of(sample(boxes, [0, 0], [[800, 800]])).box_sides.counts

    assert (counts[0], counts[-1], counts.sum()) == (1, 1, 2)


def test_a_box_at_the_lower_right_is_in_the_last_cell_of_the_heat_map() -> None:
    boxes = [[90.0, 190, 10, 10], [0, 0, 2, 2], [0, 0, 2, 2], [500, 0, 10, 2]]

    centres = charts_of(sample(boxes, [0] * 4, [[100, 200]])).centres

    last = HEAT_CELLS - 1
    assert centres[last, 30] == 1, "row from the height, column from the width"
    assert centres[0, 0] == 2
    assert centres[0, last] == 1, "a center outside the image is counted at its edge"
    assert centres.sum() == 4


def test_boxes_per_image_counts_the_images_without_any() -> None:
    charts = charts_of(sample([[0, 0, 5, 5]] * 3, [1, 1, 3], [[50, 50]] * 4))

    assert charts.boxes_per_image.counts.tolist() == [2, 1, 1]
    assert (charts.empty_images, charts.most_boxes) == (2, 2)


def test_one_overfull_image_does_not_flatten_the_histogram() -> None:
    rows = [0] * 5000 + list(range(1, 1000))

    charts = charts_of(sample([[0, 0, 5, 5]] * len(rows), rows, [[50, 50]] * 1000))

    assert len(charts.boxes_per_image.counts) <= MAX_COUNT_BINS
    assert charts.boxes_per_image.counts[1] == 999
    assert charts.boxes_per_image.counts.sum() == 1000
    assert charts.most_boxes == 5000


def test_few_image_sizes_are_points_and_many_are_binned() -> None:
    few = charts_of(sample([], [], [[640, 480], [640, 480], [480, 640]]))
    assert few.image_sizes.tolist() == [[480, 640, 1], [640, 480, 2]]
    assert not few.sizes_binned

    random = np.random.default_rng(0).integers(100, 4000, (20_000, 2)).astype(np.float64)
    many = charts_of(sample([], [], random.tolist()))
    assert many.sizes_binned
    assert len(many.image_sizes) <= 25 * 25
    assert many.image_sizes[:, 2].sum() == 20_000
    assert MAX_POINTS < 20_000


def test_a_square_box_is_right_of_the_middle_of_the_aspects() -> None:
    boxes = [[0, 0, 7.3, 7.3], [0, 0, 1, 40], [0, 0, 20, 10]]

    aspects = charts_of(sample(boxes, [0] * 3, [[100, 100]])).aspects

    filled = aspects.edges[aspects.counts.nonzero()[0]]
    assert filled == pytest.approx([1 / 16, 1, 2])


def test_nothing_gives_charts_of_zeros_without_a_warning() -> None:
    with np.errstate(all="raise"):
        charts = charts_of(sample([], [], []))

    assert not charts.box_sides.counts.any()
    assert not charts.centres.any()
    assert charts.boxes_per_image.counts.tolist() == [0]
    assert charts.image_sizes.shape == (0, 3)


def test_boxes_of_images_with_unknown_size_are_left_out() -> None:
    unknown = [float("nan"), 100.0]

    charts = charts_of(sample([[0, 0, 5, 5], [0, 0, 5, 5]], [0, 1], [unknown, [50, 50]]))

    assert charts.box_sides.counts.sum() == 1
    assert charts.image_sizes.tolist() == [[50, 50, 1]]


def test_joined_samples_keep_each_box_with_its_image() -> None:
    first = sample([[0, 0, 10, 10]], [1], [[100, 100], [800, 800]])
    second = sample([[0, 0, 10, 10]], [0], [[400, 400]])

    joined = join_samples([first, second])

    assert joined.image_rows.tolist() == [1, 2]
    assert sides_of(joined) == pytest.approx([10, 20])
