"""Small charts as inline SVG; colours come from the page's CSS."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from train_teacher.pages.histogram import Histogram

WIDTH, HEIGHT = 360, 220
LEFT, RIGHT, TOP, BOTTOM = 44, 10, 18, 38
PLOT_WIDTH, PLOT_HEIGHT = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
SMALLEST_POINT, LARGEST_POINT = 2.5, 9.0
FAINTEST = 0.08
THOUSAND, MILLION = 1_000, 1_000_000
DIGIT_WIDTH = 7
LOWEST_TOP = 2.0
"""An axis of counts needs a whole number in its middle."""
STYLE = """
svg { display: block; width: 100%; height: auto }
svg text { font: 12px system-ui, sans-serif; fill: var(--quiet) }
.bar, .cell, .dot { fill: var(--accent) } .dot { fill-opacity: .55 }
.band { fill: var(--mark); fill-opacity: .35 } .grid { stroke: var(--faint) }
.axis { stroke: var(--line); fill: none }
"""

Ticks = Sequence[tuple[float, str]]


def short_number(value: float) -> str:
    """Return a count that fits beside an axis: `950`, `1.5k`, `2M`."""
    for size, unit in ((MILLION, "M"), (THOUSAND, "k")):
        if value >= size:
            return f"{value / size:.3g}{unit}"
    return f"{value:.3g}"


def bar_chart(
    label: str,
    histogram: Histogram,
    ticks: Ticks,
    axis: str,
    describe: Callable[[int], str],
    band: tuple[float, float] | None = None,
) -> str:
    """Return a histogram.

    Args:
        label: what is shown, for those who cannot see it; HTML.
        histogram: at least one bin.
        ticks: values and texts of the horizontal axis; those outside it are left out.
        axis: what the horizontal axis is; HTML.
        describe: from the number of a bin to the text shown when the pointer rests on it; HTML.
        band: two values between which the ground is coloured.
    """
    place = _placer(histogram)
    top = nice_ceiling(float(histogram.counts.max(initial=0)))
    parts = [_level(value, top) for value in (top / 2, top)]
    if band:
        left, right = place(band[0]), place(band[1])
        parts.append(
            f'<rect class="band" x="{left:.1f}" y="{TOP}" width="{right - left:.1f}" '
            f'height="{PLOT_HEIGHT}"/>'
        )
    for number, count in enumerate(histogram.counts.tolist()):
        if count:
            left, right = place(histogram.edges[number]), place(histogram.edges[number + 1])
            # A single box among thousands must still be seen.
            height = max(PLOT_HEIGHT * count / top, 1.0)
            parts.append(
                f'<rect class="bar" x="{left + 0.5:.1f}" y="{TOP + PLOT_HEIGHT - height:.1f}" '
                f'width="{max(right - left - 1, 0.8):.1f}" height="{height:.1f}">'
                f"<title>{describe(number)}</title></rect>"
            )
    low, high = float(histogram.edges[0]), float(histogram.edges[-1])
    parts += [_tick(place(value), text) for value, text in ticks if low <= value <= high]
    return _svg(label, [*parts, _base(axis)])


def heat_map(label: str, counts: npt.NDArray[np.int64]) -> str:
    """Return a grid of cells, the fuller the stronger its colour.

    Args:
        label: what is shown; HTML.
        counts: (rows, columns), row 0 at the top.
    """
    rows, columns = counts.shape
    side = HEIGHT - 2 * TOP
    left = (WIDTH - side) / 2
    step_x, step_y = side / columns, side / rows
    most = max(int(counts.max(initial=0)), 1)
    parts = []
    for row, column in np.argwhere(counts > 0).tolist():
        count = int(counts[row, column])
        strength = FAINTEST + (1 - FAINTEST) * math.sqrt(count / most)
        parts.append(
            f'<rect class="cell" x="{left + column * step_x:.1f}" y="{TOP + row * step_y:.1f}" '
            f'width="{step_x:.2f}" height="{step_y:.2f}" fill-opacity="{strength:.2f}"/>'
        )
    parts.append(f'<rect class="axis" x="{left}" y="{TOP}" width="{side}" height="{side}"/>')
    middle = WIDTH / 2
    for y, text in ((TOP - 5, "top of the image"), (TOP + side + 14, "bottom")):
        parts.append(f'<text x="{middle}" y="{y}" text-anchor="middle">{text}</text>')
    return _svg(label, parts)


def scatter(label: str, points: npt.NDArray[np.int64], axis: str) -> str:
    """Return points whose size tells how many lie there.

    Args:
        label: what is shown; HTML.
        points: (P, 3) x, y, count; at least one.
        axis: what the axes are; HTML.
    """
    right, top = (nice_ceiling(float(value)) for value in points[:, :2].max(axis=0))
    most = int(points[:, 2].max())
    parts = [_level(value, top) for value in (top / 2, top)]
    for x, y, count in sorted(points.tolist(), key=lambda point: -point[2]):
        radius = max(LARGEST_POINT * math.sqrt(count / most), SMALLEST_POINT)
        parts.append(
            f'<circle class="dot" cx="{LEFT + PLOT_WIDTH * x / right:.1f}" '
            f'cy="{TOP + PLOT_HEIGHT * (1 - y / top):.1f}" r="{radius:.1f}">'
            f"<title>{x} x {y}: {count:,}</title></circle>"
        )
    parts += [
        _tick(LEFT + PLOT_WIDTH * value / right, f"{value:g}") for value in (0, right / 2, right)
    ]
    return _svg(label, [*parts, _base(axis)])


def nice_ceiling(value: float) -> float:
    """Return the next even 1, 2, 3, 4, 5, 6 or 8 times a power of ten, at least 2."""
    if value <= LOWEST_TOP:
        return LOWEST_TOP
    power = 10.0 ** math.floor(math.log10(value))
    return next(f * power for f in (1, 2, 3, 4, 5, 6, 8, 10) if f * power >= value - 1e-9)


def _placer(histogram: Histogram) -> Callable[[float], float]:
    """Return the function from a value to its place on the horizontal axis."""

    def measure(value: float) -> float:
        return math.log(value) if histogram.logarithmic else float(value)

    low, high = measure(histogram.edges[0]), measure(histogram.edges[-1])
    return lambda value: LEFT + PLOT_WIDTH * (measure(value) - low) / (high - low)


def _level(value: float, top: float) -> str:
    y = TOP + PLOT_HEIGHT * (1 - value / top)
    return (
        f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        f'<text x="{LEFT - 5}" y="{y + 4:.1f}" text-anchor="end">{short_number(value)}</text>'
    )


def _tick(x: float, text: str) -> str:
    y = TOP + PLOT_HEIGHT
    inside = min(x, WIDTH - DIGIT_WIDTH * len(text) / 2)
    return (
        f'<line class="axis" x1="{x:.1f}" x2="{x:.1f}" y1="{y}" y2="{y + 4}"/>'
        f'<text x="{inside:.1f}" y="{y + 16}" text-anchor="middle">{text}</text>'
    )


def _base(axis: str) -> str:
    y = TOP + PLOT_HEIGHT
    return (
        f'<line class="axis" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"/>'
        f'<text x="{LEFT + PLOT_WIDTH / 2}" y="{HEIGHT - 5}" text-anchor="middle">{axis}</text>'
    )


def _svg(label: str, parts: Sequence[str]) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">'
        f"{''.join(parts)}</svg>"
    )
