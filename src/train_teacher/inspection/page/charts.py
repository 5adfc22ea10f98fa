"""Plots of the inspection page, each with an explaining sentence."""

from __future__ import annotations

from train_teacher.core.words import plural
from train_teacher.inspection.page.chart_numbers import SMALL_SIDES, InspectionCharts
from train_teacher.pages.charts import Histogram, bar_chart, heat_map, scatter
from train_teacher.pages.parts import Figure

ALWAYS_SIDES = (4, 128)
"""Pixels that the axis of box sides always shows."""
ALWAYS_ASPECTS = (0.5, 2)


def chart_figures(charts: InspectionCharts) -> tuple[Figure, ...]:
    """Return the plots; empty ones say so."""
    return (
        _sides(charts),
        _centres(charts),
        _per_image(charts),
        _sizes(charts),
        _aspects(charts),
    )


def _nothing(title: str) -> Figure:
    return Figure(title, None, "Nothing to show.")


def _sides(charts: InspectionCharts) -> Figure:
    title = "Box side at training scale"
    if not charts.box_sides.counts.any():
        return _nothing(title)
    histogram = cropped(charts.box_sides, *ALWAYS_SIDES)
    ticks = [(float(value), f"{value}") for value in (2**n for n in range(0, 12, 2))]
    drawing = bar_chart(
        title,
        histogram,
        ticks,
        "square root of the area, pixels",
        lambda n: _between(histogram, n, "pixels"),
        band=SMALL_SIDES,
    )
    return Figure(
        title,
        drawing,
        f"At the largest default scale of train-teacher: short side "
        f"{charts.scale[0]}, long side up to {charts.scale[1]}. "
        f"Median {charts.side_median:.0f} pixels. {_small(charts)}",
    )


def _small(charts: InspectionCharts) -> str:
    low, high = SMALL_SIDES
    under_low, under_high = (100 * share for share in charts.small_shares)
    if not under_high:
        return f"No box is under {high:g} pixels (the mark: {low:g} to {high:g})."
    return (
        f"{under_high:.1f} % of the boxes are under {high:g} pixels, {under_low:.1f} % under "
        f"{low:g} (the mark is between them): hard to learn. Tiles or a larger scale help."
    )


def _centres(charts: InspectionCharts) -> Figure:
    title = "Where the boxes are"
    if not charts.centres.any():
        return _nothing(title)
    return Figure(
        title, heat_map(title, charts.centres), "Centers of the boxes; darker means more."
    )


def _per_image(charts: InspectionCharts) -> Figure:
    title = "Boxes per image"
    histogram = charts.boxes_per_image
    if not histogram.counts.any():
        return _nothing(title)
    last = len(histogram.counts) - 1
    high = float(histogram.edges[-1])
    step = histogram.edges[1] - histogram.edges[0]
    every = max(round(last / 6), 1)
    ticks = [
        (float(edge + (step / 2 if step == 1 else 0)), f"{edge:g}")
        for edge in histogram.edges[:-1:every]
    ]

    def describe(number: int) -> str:
        low, count = histogram.edges[number], int(histogram.counts[number])
        beyond = " or more" if number == last and charts.most_boxes >= high else ""
        upto = f" to {low + step - 1:g}" if step > 1 and not beyond else ""
        noun = "box" if low == 1 and not upto and not beyond else "boxes"
        return f"{low:g}{upto}{beyond} {noun}: {plural(count, 'image')}"

    beyond = (
        f" The last bar holds every image with {histogram.edges[last]:g} or more."
        if charts.most_boxes >= high
        else ""
    )
    return Figure(
        title,
        bar_chart(title, histogram, ticks, "boxes", describe),
        f"{plural(charts.empty_images, 'image has', 'images have')} none, "
        f"the fullest has {charts.most_boxes:,}.{beyond}",
    )


def _sizes(charts: InspectionCharts) -> Figure:
    title = "Image sizes"
    points = charts.image_sizes
    if not len(points):
        return _nothing(title)
    if len(points) == 1:
        width, height, count = points[0].tolist()
        caption = f"{width} x {height} pixels: {plural(count, 'image')}, no other size."
    elif charts.sizes_binned:
        caption = "Too many sizes to draw each: a point stands for its neighborhood."
    else:
        width, height, count = points[points[:, 2].argmax()].tolist()
        often = plural(count, "image")
        caption = f"{len(points):,} sizes; the most frequent is {width} x {height} ({often})."
    drawing = scatter(title, points, "width across, height upwards, pixels")
    return Figure(title, drawing, caption)


def _aspects(charts: InspectionCharts) -> Figure:
    title = "Box shape"
    if not charts.aspects.counts.any():
        return _nothing(title)
    low, high = _occupied(charts.aspects)
    reach = max(high, 1 / low, ALWAYS_ASPECTS[1])
    histogram = cropped(charts.aspects, 1 / reach, reach)
    ticks = [(2.0**n, f"{2**n}:1" if n >= 0 else f"1:{2**-n}") for n in range(-4, 5)]
    return Figure(
        title,
        bar_chart(
            title,
            histogram,
            ticks,
            "width : height",
            lambda n: _between(histogram, n, "times as wide as high"),
        ),
        "Tall boxes to the left, wide ones to the right.",
    )


def cropped(histogram: Histogram, low: float, high: float) -> Histogram:
    """Return the histogram without the empty bins at its ends.

    Args:
        histogram: with something in it.
        low: an edge below which empty bins may go.
        high: an edge above which they may go.
    """
    first, last = _occupied(histogram)
    low, high = min(first, low), max(last, high)
    keep = (histogram.edges[:-1] >= low * 0.999) & (histogram.edges[1:] <= high * 1.001)
    numbers = keep.nonzero()[0]
    start, stop = int(numbers[0]), int(numbers[-1]) + 1
    return Histogram(
        histogram.edges[start : stop + 1], histogram.counts[start:stop], histogram.logarithmic
    )


def _occupied(histogram: Histogram) -> tuple[float, float]:
    """Return the edges between which all the counts are."""
    filled = histogram.counts.nonzero()[0]
    return float(histogram.edges[filled[0]]), float(histogram.edges[filled[-1] + 1])


def _between(histogram: Histogram, number: int, unit: str) -> str:
    low, high = histogram.edges[number], histogram.edges[number + 1]
    # Three digits, but never as 1.02e+03.
    low_text, high_text = (f"{float(f'{edge:.3g}'):g}" for edge in (low, high))
    boxes = plural(int(histogram.counts[number]), "box", "boxes")
    return f"{low_text} to {high_text} {unit}: {boxes}"
