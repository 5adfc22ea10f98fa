"""Small charts as shapes; `charts.html.j2` draws them as inline SVG, page.css has their colors."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from train_teacher.core.arrays import Floats, Ints

WIDTH, HEIGHT = 360, 220
LEFT, RIGHT, TOP, BOTTOM = 44, 10, 18, 38
PLOT_WIDTH, PLOT_HEIGHT = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
GROUND = TOP + PLOT_HEIGHT
DIGIT_WIDTH = 7
SMALLEST_POINT, LARGEST_POINT = 2.5, 9.0
FAINTEST = 0.08
THOUSAND, MILLION = 1_000, 1_000_000
LONGEST_NUMBER = 5
COLORS = 8
MOST_POINTS = 600
FEW_POINTS = 40
GRID_LINES = 4
STEPS = (1, 2, 2.5, 5, 10)
NEARLY = 1e-9

Ticks = Sequence[tuple[float, str]]


@dataclass(frozen=True)
class Histogram:
    """Ints between edges."""

    edges: Floats
    """(B + 1,) ascending."""
    counts: Ints
    """(B,); values beyond the edges are counted in the outermost bins."""
    logarithmic: bool = False
    """True when the bins are equally wide on a logarithmic axis."""


@dataclass(frozen=True)
class Shape:
    """One SVG element."""

    tag: str
    attributes: Mapping[str, object]
    text: str = ""
    """Content of a text, or the tooltip of another shape."""


@dataclass(frozen=True)
class Chart:
    """A drawing of 360 x 220 units; every text in it is plain."""

    label: str
    """Description for those who cannot see the chart."""
    shapes: Sequence[Shape]
    legend: Sequence[tuple[str, str]] = ()
    """Name and CSS class of each line."""


@dataclass(frozen=True)
class Line:
    """One curve."""

    name: str
    x: Sequence[float]
    y: Sequence[float]


def bar_chart(
    label: str,
    histogram: Histogram,
    ticks: Ticks,
    axis: str,
    describe: Callable[[int], str],
    band: tuple[float, float] | None = None,
) -> Chart:
    """Return a histogram.

    Args:
        label: what is shown, for those who cannot see it.
        histogram: at least one bin.
        ticks: values and texts of the horizontal axis; those outside it are left out.
        axis: what the horizontal axis is.
        describe: from the number of a bin to the text shown when the pointer rests on it.
        band: two values between which the ground is colored.
    """
    edges = _places(histogram.edges, histogram)
    levels = _levels(float(histogram.counts.max(initial=0)), whole=True)
    low, high = float(histogram.edges[0]), float(histogram.edges[-1])
    inside = [(value, text) for value, text in ticks if low <= value <= high]
    values = np.array([value for value, _ in inside])
    places = zip(_places(values, histogram), (text for _, text in inside), strict=True)
    shapes = _frame(levels, list(places), axis)
    if band:
        left, right = _places(np.array(band), histogram)
        shapes.append(_box("band", left, TOP, right - left, PLOT_HEIGHT))
    for number, count in enumerate(histogram.counts.tolist()):
        if count:
            left, right = edges[number : number + 2]
            # A single box among thousands must still be seen.
            height = max(PLOT_HEIGHT * count / levels[-1], 1.0)
            width = max(right - left - 1, 0.8)
            shapes.append(_box("bar", left + 0.5, GROUND - height, width, height, describe(number)))
    return Chart(label, shapes)


def heat_map(label: str, counts: Ints) -> Chart:
    """Return a grid of (rows, columns) cells, row 0 at the top; fuller ones have more color."""
    rows, columns = counts.shape
    side = HEIGHT - 2 * TOP
    left = (WIDTH - side) / 2
    width, height = side / columns, side / rows
    most = max(int(counts.max(initial=0)), 1)
    shapes = []
    for row, column in np.argwhere(counts > 0).tolist():
        strength = FAINTEST + (1 - FAINTEST) * math.sqrt(int(counts[row, column]) / most)
        x, y = left + column * width, TOP + row * height
        shapes.append(_box("cell", x, y, width, height, opacity=round(strength, 2)))
    shapes.append(_box("axis", left, TOP, side, side))
    for y, text in ((TOP - 5, "top of the image"), (TOP + side + 14, "bottom")):
        shapes.append(_text(WIDTH / 2, y, text))
    return Chart(label, shapes)


def scatter(label: str, points: Ints, axis: str) -> Chart:
    """Return points whose size shows their count.

    Args:
        label: what is shown.
        points: (P, 3) x, y, count; at least one.
        axis: what the axes are.
    """
    across, up = (_levels(float(value)) for value in points[:, :2].max(axis=0))
    most = int(points[:, 2].max())
    ticks = [(LEFT + PLOT_WIDTH * value / across[-1], short_number(value)) for value in across]
    shapes = _frame(up, ticks, axis)
    for x, y, count in sorted(points.tolist(), key=lambda point: -point[2]):
        place = {
            "cx": round(LEFT + PLOT_WIDTH * x / across[-1], 1),
            "cy": round(GROUND - PLOT_HEIGHT * y / up[-1], 1),
            "r": round(max(LARGEST_POINT * math.sqrt(count / most), SMALLEST_POINT), 1),
        }
        shapes.append(Shape("circle", {"class": "dot", **place}, f"{x} x {y}: {count:,}"))
    return Chart(label, shapes)


def line_chart(
    label: str,
    lines: Sequence[Line],
    axis: str,
    *,
    top: float | None = None,
    legend: bool = True,
    whole: bool = False,
) -> Chart:
    """Return curves from zero upwards, with their names below.

    Args:
        label: what is shown, for those who cannot see it.
        lines: at least one with a point; colors repeat after eight.
        axis: what the horizontal axis is.
        top: upper end of the vertical axis, chosen from the values when left out.
        legend: whether the names are shown.
        whole: whether the horizontal axis counts, so that only whole numbers are on it.
    """
    xs = [value for line in lines for value in line.x]
    low, high = min(xs), max(xs)
    span = low, high if high > low else low + 1
    levels = _levels(top or max((value for line in lines for value in line.y), default=0))
    ticks = [
        (LEFT + PLOT_WIDTH * (value - low) / (span[1] - low), short_number(value))
        for value in _ticks(*span, whole=whole)
    ]
    shapes = _frame(levels, ticks, axis)
    colors = [f"s{number % COLORS}" for number in range(len(lines))]
    for line, color in zip(lines, colors, strict=True):
        shapes += _curve(line, color, span, levels[-1]) if line.x else []
    names = [line.name for line in lines] if legend else []
    return Chart(label, shapes, list(zip(names, colors, strict=False)))


def short_number(value: float) -> str:
    """Return a number in about five characters, to fit beside an axis: `950`, `1.5k`, `4e-4`."""
    for size, unit in ((MILLION, "M"), (THOUSAND, "k")):
        if value >= size:
            return f"{value / size:.3g}{unit}"
    text = f"{value:.3g}"
    if len(text) <= LONGEST_NUMBER:
        return text
    mantissa, exponent = f"{value:.2e}".split("e")
    return f"{float(mantissa):g}e{int(exponent)}"


def _curve(line: Line, color: str, span: tuple[float, float], ceiling: float) -> list[Shape]:
    stride = max(1, len(line.x) // MOST_POINTS)
    x, y = np.array(line.x[::stride], np.float64), np.array(line.y[::stride], np.float64)
    across = LEFT + PLOT_WIDTH * (x - span[0]) / (span[1] - span[0])
    down = GROUND - PLOT_HEIGHT * np.clip(y / ceiling, 0, 1)
    points = [f"{a:.1f},{b:.1f}" for a, b in zip(across, down, strict=True)]
    shapes = [Shape("polyline", {"class": f"line {color}", "points": " ".join(points)})]
    if len(points) <= FEW_POINTS:
        dots = "".join(f"M{point}h0" for point in points)
        shapes.append(Shape("path", {"class": f"point {color}", "d": dots}))
    return shapes


def _places(values: Floats, histogram: Histogram) -> list[float]:
    """Return the places of values on the horizontal axis."""
    measure = np.log if histogram.logarithmic else np.asarray
    low, high = measure(histogram.edges[[0, -1]])
    return [float(x) for x in LEFT + PLOT_WIDTH * (measure(values) - low) / (high - low)]


def _step(span: float, *, whole: bool) -> float:
    """Return the distance of four or five round numbers: 1, 2, 2.5 or 5 times a power of ten."""
    if span <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(span / GRID_LINES))
    step = next(f * power for f in STEPS if f * power >= span / GRID_LINES * (1 - NEARLY))
    if not whole:
        return step
    step = max(step, 1.0)
    return step if step.is_integer() else 2 * step


def _levels(top: float, *, whole: bool = False) -> list[float]:
    """Return round numbers from 0 to at least `top`."""
    step = _step(top, whole=whole)
    return [number * step for number in range(max(math.ceil(top / step - NEARLY), 1) + 1)]


def _ticks(low: float, high: float, *, whole: bool) -> list[float]:
    """Return round numbers between two values."""
    step = _step(high - low, whole=whole)
    first, last = math.ceil(low / step - NEARLY), math.floor(high / step + NEARLY)
    return [number * step for number in range(first, last + 1)]


def _frame(levels: Sequence[float], ticks: Ticks, axis: str) -> list[Shape]:
    """Return both axes: values of the vertical one, places and texts of the horizontal one."""
    shapes = []
    for value in levels:
        y = round(GROUND - PLOT_HEIGHT * value / levels[-1], 1)
        kind = "grid" if value else "axis"
        shapes.append(_rule(kind, (LEFT, WIDTH - RIGHT), (y, y)))
        shapes.append(_text(LEFT - 5, y + 4, short_number(value), "end"))
    for x, text in ticks:
        inside = min(x, WIDTH - DIGIT_WIDTH * len(text) / 2)
        shapes.append(_rule("axis", (x, x), (GROUND, GROUND + 4)))
        shapes.append(_text(inside, GROUND + 16, text))
    return [*shapes, _text(LEFT + PLOT_WIDTH / 2, HEIGHT - 5, axis)]


def _rule(kind: str, x: tuple[float, float], y: tuple[float, float]) -> Shape:
    ends = {"x1": x[0], "x2": x[1], "y1": y[0], "y2": y[1]}
    return Shape("line", {"class": kind, **{name: round(end, 1) for name, end in ends.items()}})


def _text(x: float, y: float, text: str, anchor: str = "middle") -> Shape:
    return Shape("text", {"x": round(x, 1), "y": round(y, 1), "text-anchor": anchor}, text)


def _box(
    kind: str,
    x: float,
    y: float,
    width: float,
    height: float,
    text: str = "",
    opacity: float | None = None,
) -> Shape:
    place = {"x": x, "y": y, "width": width, "height": height}
    attributes = {"class": kind, **{name: round(value, 2) for name, value in place.items()}}
    if opacity is not None:
        attributes["fill-opacity"] = opacity
    return Shape("rect", attributes, text)
