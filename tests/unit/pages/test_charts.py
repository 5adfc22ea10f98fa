"""Charts lie on their axes, whose numbers are round."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from train_teacher.pages.charts import (
    COLORS,
    GROUND,
    HEIGHT,
    LEFT,
    MOST_POINTS,
    PLOT_WIDTH,
    TOP,
    WIDTH,
    Chart,
    Histogram,
    Line,
    Shape,
    bar_chart,
    heat_map,
    line_chart,
    scatter,
    short_number,
)

NUMBERS = st.just(0.0) | st.floats(1e-9, 1e9)


def shapes(chart: Chart, kind: str) -> list[Shape]:
    return [s for s in chart.shapes if str(s.attributes.get("class", s.tag)).startswith(kind)]


def levels(chart: Chart) -> list[str]:
    return [s.text for s in chart.shapes if s.attributes.get("text-anchor") == "end"]


def test_a_bar_stands_on_the_ground_as_high_as_its_count_and_says_what_it_is() -> None:
    histogram = Histogram(np.array([0.0, 1, 2, 3]), np.array([4, 0, 2]))
    chart = bar_chart("<label>", histogram, [(0, "0"), (9, "9")], "boxes", lambda n: f"bin {n}")
    first, last = shapes(chart, "bar")
    assert (first.text, last.text) == ("bin 0", "bin 2")
    assert levels(chart) == ["0", "1", "2", "3", "4"]
    assert first.attributes["y"] == TOP
    assert last.attributes["y"] == pytest.approx((TOP + GROUND) / 2)
    assert first.attributes["x"] == pytest.approx(LEFT + 0.5)
    assert "9" not in [s.text for s in chart.shapes], "beyond the axis"
    assert chart.label == "<label>", "texts are plain: the template escapes them"


def test_bars_of_a_logarithmic_axis_are_equally_wide_and_the_band_lies_between_its_values() -> None:
    histogram = Histogram(np.array([1.0, 2, 4, 8]), np.array([1, 1, 1]), logarithmic=True)
    chart = bar_chart("sides", histogram, [(2, "2")], "pixels", lambda _: "", band=(2, 4))
    assert len({round(float(str(s.attributes["width"])), 1) for s in shapes(chart, "bar")}) == 1
    (band,) = shapes(chart, "band")
    assert band.attributes["x"] == pytest.approx(LEFT + PLOT_WIDTH / 3, abs=0.01)
    assert band.attributes["width"] == pytest.approx(PLOT_WIDTH / 3, abs=0.01)
    (tick,) = [
        s
        for s in chart.shapes
        if s.attributes.get("y1") == GROUND and s.attributes["x1"] == s.attributes["x2"]
    ]
    assert tick.attributes["x1"] == pytest.approx(LEFT + PLOT_WIDTH / 3, abs=0.1)


def test_the_fullest_cell_is_the_strongest_and_empty_ones_are_not_drawn() -> None:
    chart = heat_map("centres", np.array([[0, 4], [1, 0]]))
    strong, faint = shapes(chart, "cell")
    assert strong.attributes["fill-opacity"] == 1
    assert faint.attributes["fill-opacity"] == pytest.approx(0.54)
    assert float(str(strong.attributes["x"])) > float(str(faint.attributes["x"]))
    assert float(str(strong.attributes["y"])) < float(str(faint.attributes["y"]))


def test_rare_points_are_drawn_over_frequent_ones_and_smaller() -> None:
    chart = scatter("sizes", np.array([[10, 20, 1], [40, 5, 100]]), "pixels")
    frequent, rare = shapes(chart, "dot")
    assert (frequent.text, rare.text) == ("40 x 5: 100", "10 x 20: 1")
    assert float(str(frequent.attributes["r"])) > float(str(rare.attributes["r"]))
    assert rare.attributes["cy"] == TOP
    assert frequent.attributes["cx"] == LEFT + PLOT_WIDTH


def test_lines_begin_and_end_with_the_axis_and_colours_repeat_after_eight() -> None:
    lines = [Line(f"run {n}", [0, 5, 10], [0.0, 0.1, 0.2]) for n in range(COLORS + 1)]
    chart = line_chart("loss", lines, "step")
    first = shapes(chart, "line s0")[0].attributes["points"]
    assert str(first).split() == [f"{LEFT}.0,{GROUND}.0", "197.0,100.0", f"350.0,{TOP}.0"]
    assert chart.legend[0] == ("run 0", "s0")
    assert chart.legend[COLORS] == (f"run {COLORS}", "s0")
    assert not line_chart("loss", lines, "step", legend=False).legend


def test_a_long_line_is_thinned_and_a_line_without_points_is_only_in_the_legend() -> None:
    long = Line("long", list(range(10_000)), [1.0] * 10_000)
    chart = line_chart("loss", [long, Line("empty", [], [])], "step")
    (drawn,) = [s for s in chart.shapes if s.tag == "polyline"]
    assert MOST_POINTS / 2 < len(str(drawn.attributes["points"]).split()) < 2 * MOST_POINTS
    assert [name for name, _ in chart.legend] == ["long", "empty"]


def test_one_point_and_only_zeros_still_make_a_chart() -> None:
    chart = line_chart("map", [Line("one", [3], [0.0])], "epoch", whole=True)
    assert levels(chart) == ["0", "1"]
    assert "3" in [s.text for s in chart.shapes]


@given(st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=9), st.booleans())
def test_whatever_the_numbers_everything_lies_inside_and_the_axis_is_short(
    points: list[tuple[float, float]], whole: bool
) -> None:
    x, y = zip(*sorted(points), strict=True)
    chart = line_chart("any", [Line("any", x, y)], "step", whole=whole)
    assert 2 <= len(levels(chart)) <= 6
    for shape in chart.shapes:
        if shape.tag == "text":
            assert 0 <= float(str(shape.attributes["x"])) <= WIDTH
            assert len(shape.text) <= 7
    (line,) = [s for s in chart.shapes if s.tag == "polyline"]
    for point in str(line.attributes["points"]).split():
        across, down = map(float, point.split(","))
        assert LEFT <= across <= WIDTH
        assert TOP <= down <= GROUND < HEIGHT


@given(st.integers(1, 10**7))
def test_levels_of_counts_are_whole_numbers_that_ascend(count: int) -> None:
    histogram = Histogram(np.array([0.0, 1]), np.array([count]))
    drawn = bar_chart("counts", histogram, [], "boxes", str)
    heights = [s.attributes["y1"] for s in [*shapes(drawn, "axis"), *shapes(drawn, "grid")]]
    assert all(float(str(a)) > float(str(b)) for a, b in pairwise(heights))
    if count <= 800:
        assert all(level.isdigit() for level in levels(drawn))


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (950, "950"), (1500, "1.5k"), (2e6, "2M"), (0.25, "0.25"), (0.0004, "4e-4")],
)
def test_numbers_beside_an_axis_are_short(value: float, text: str) -> None:
    assert short_number(value) == text
