"""Lines over an axis as inline SVG, with a legend in HTML."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from train_teacher.pages.bar_charts import (
    BOTTOM,
    HEIGHT,
    LEFT,
    PLOT_HEIGHT,
    PLOT_WIDTH,
    RIGHT,
    TOP,
    WIDTH,
    short_number,
)
from train_teacher.pages.page import safe

COLORS = 8
LONGEST_NUMBER = 5
MOST_POINTS = 600
FEW_POINTS = 40
GRID_LINES = 4
STEPS = (1, 2, 2.5, 5, 10)
STYLE = """
.line { fill: none; stroke-width: 1.8; stroke-linejoin: round }
.s0 { stroke: #2f6fb0 } .s1 { stroke: #d0752a } .s2 { stroke: #3b8f52 } .s3 { stroke: #8a5bb0 }
.s4 { stroke: #b33a3a } .s5 { stroke: #3a9aa0 } .s6 { stroke: #a0892b } .s7 { stroke: #7a7a80 }
.point { stroke-width: 4; stroke-linecap: round; fill: none }
.dashed { stroke-dasharray: 5 4 }
.legend { display: flex; flex-wrap: wrap; gap: .1rem 1rem; font-size: .88rem;
          color: var(--quiet); margin-top: .2rem }
.legend svg { width: 22px; height: 10px; display: inline-block; margin-right: .35rem }
"""


@dataclass(frozen=True)
class Line:
    """One curve."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    dashed: bool = False


def line_chart(
    label: str,
    lines: Sequence[Line],
    axis: str,
    *,
    top: float | None = None,
    legend: bool = True,
    whole: bool = False,
) -> str:
    """Return curves from zero upwards, with their names below.

    Args:
        label: what is shown, for those who cannot see it; plain text.
        lines: at least one with a point; colours repeat after eight.
        axis: what the horizontal axis is; plain text.
        top: upper end of the vertical axis, chosen from the values when left out.
        legend: whether the names are shown.
        whole: whether the horizontal axis counts, so that only whole numbers are on it.
    """
    xs = np.concatenate([np.asarray(line.x, np.float64) for line in lines])
    ys = np.concatenate([np.asarray(line.y, np.float64) for line in lines])
    low, high = float(xs.min()), float(xs.max())
    high = high if high > low else low + 1
    step = _step((top or float(ys.max(initial=0))) / GRID_LINES)
    ceiling = top or max(step * np.ceil(float(ys.max(initial=0)) / step - 1e-9), step)
    parts = [_level(value, ceiling) for value in np.arange(0, ceiling * 1.001, step).tolist()]
    parts += [
        _tick(LEFT + PLOT_WIDTH * (value - low) / (high - low), value)
        for value in _ticks(low, high, whole=whole)
    ]
    for number, line in enumerate(lines):
        if len(line.x):
            parts.append(_path(line, number, (low, high), ceiling))
    parts.append(
        f'<text x="{LEFT + PLOT_WIDTH / 2}" y="{HEIGHT - 5}" text-anchor="middle">'
        f"{safe(axis)}</text>"
    )
    image = (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{safe(label)}">'
        f"{''.join(parts)}</svg>"
    )
    return image + (_legend(lines) if legend else "")


def _path(line: Line, number: int, span: tuple[float, float], ceiling: float) -> str:
    x, y = np.asarray(line.x, np.float64), np.asarray(line.y, np.float64)
    stride = max(1, len(x) // MOST_POINTS)
    x, y = x[::stride], y[::stride]
    across = LEFT + PLOT_WIDTH * (x - span[0]) / (span[1] - span[0])
    down = TOP + PLOT_HEIGHT * (1 - np.clip(y / ceiling, 0, 1))
    points = [f"{a:.1f},{b:.1f}" for a, b in zip(across.tolist(), down.tolist(), strict=True)]
    color = f"s{number % COLORS}"
    dots = ""
    if len(points) <= FEW_POINTS:
        dots = f'<path class="point {color}" d="{"".join(f"M{p}h0" for p in points)}"/>'
    kind = " dashed" if line.dashed else ""
    return f'<polyline class="line {color}{kind}" points="{" ".join(points)}"/>{dots}'


def _legend(lines: Sequence[Line]) -> str:
    entries = [
        f'<span><svg viewBox="0 0 22 10"><path class="line s{number % COLORS}'
        f'{" dashed" if line.dashed else ""}" d="M0,5h22"/></svg>{safe(line.name)}</span>'
        for number, line in enumerate(lines)
    ]
    return f'<div class="legend">{"".join(entries)}</div>'


def _step(value: float) -> float:
    """Return the next 1, 2, 2.5, 5 or 10 times a power of ten."""
    if value <= 0:
        return 1.0
    power = 10.0 ** np.floor(np.log10(value))
    return float(next(f * power for f in STEPS if f * power >= value * (1 - 1e-9)))


def _ticks(low: float, high: float, *, whole: bool = False) -> list[float]:
    step = max(_step((high - low) / GRID_LINES), 1e-9)
    if whole:
        step = max(step, 1.0)
        step *= 1 if step.is_integer() else 2
    first = np.ceil(low / step - 1e-9) * step
    # Adding zero turns the -0.0 of a rounded-up start into 0.0.
    return [float(value) + 0.0 for value in np.arange(first, high + step * 1e-6, step)]


def _number(value: float) -> str:
    """Return a number of at most five characters, to fit beside the axis."""
    text = short_number(value)
    if len(text) <= LONGEST_NUMBER:
        return text
    mantissa, exponent = f"{value:.2e}".split("e")
    return f"{float(mantissa):g}e{int(exponent)}"


def _level(value: float, ceiling: float) -> str:
    y = TOP + PLOT_HEIGHT * (1 - value / ceiling)
    kind = "grid" if value else "axis"
    return (
        f'<line class="{kind}" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        f'<text x="{LEFT - 5}" y="{y + 4:.1f}" text-anchor="end">{_number(value)}</text>'
    )


def _tick(x: float, value: float) -> str:
    return (
        f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{_number(value)}</text>'
    )
