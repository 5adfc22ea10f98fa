from __future__ import annotations

import numpy as np

from train_teacher.inspection.page.chart_numbers import BoxSample, inspection_charts
from train_teacher.inspection.page.charts import chart_figures, cropped
from train_teacher.pages.charts import Histogram


def figures(boxes: list[list[float]], size: tuple[int, int] = (800, 800)) -> dict[str, str]:
    """Return the sentence below each plot by its title."""
    sample = BoxSample(
        np.array(boxes, np.float64).reshape(-1, 4),
        np.zeros(len(boxes), np.int64),
        np.array([size], np.float64),
    )
    return {
        figure.title: figure.note
        for figure in chart_figures(inspection_charts(sample, (800, 1333)))
    }


def test_small_boxes_are_counted_in_words() -> None:
    told = figures([[0, 0, 7, 7], [0, 0, 10, 10], [0, 0, 100, 100], [0, 0, 200, 200]])

    assert (
        "50.0 % of the boxes are under 12 pixels, 25.0 % under 8"
        in told["Box side at training scale"]
    )


def test_a_set_of_one_size_says_so() -> None:
    assert figures([[0, 0, 9, 9]])["Image sizes"] == "800 x 800 pixels: 1 image, no other size."


def test_without_boxes_plots_say_that_there_is_nothing() -> None:
    told = figures([])

    assert told["Box shape"] == told["Where the boxes are"] == "Nothing to show."
    assert told["Boxes per image"].startswith("1 image has none, the fullest has 0")


def test_empty_bins_at_the_ends_are_cut_but_not_those_that_are_always_shown() -> None:
    histogram = Histogram(np.array([1.0, 2, 4, 8, 16, 32]), np.array([0, 0, 3, 0, 0]))

    assert cropped(histogram, 2, 8).edges.tolist() == [2, 4, 8]
    assert cropped(histogram, 4, 32).counts.tolist() == [3, 0, 0]
