"""A blend's curve as text, JSON and an HTML page."""

from __future__ import annotations

import msgspec

from train_teacher.blending.curve import BlendCurve, BlendPoint
from train_teacher.core.words import change, score
from train_teacher.pages.charts import Line, line_chart
from train_teacher.pages.page import render_page, render_text
from train_teacher.pages.parts import Figure, Table

AXIS = "alpha (0: base, 1: trained)"


def render_blend_json(curve: BlendCurve) -> str:
    """Return the curve as one JSON object."""
    return msgspec.json.format(msgspec.json.encode(curve)).decode()


def render_blend(curve: BlendCurve) -> str:
    """Return the curve for a terminal."""
    return render_text("blending/blend.txt.j2", of=curve, rows=_table(curve).rows).rstrip("\n")


def render_blend_page(curve: BlendCurve) -> str:
    """Return the curve as a complete HTML document; every name in it is escaped."""
    lines = [_line("validation split", curve, "validation")]
    if curve.retained_data:
        lines.append(_line("--retain", curve, "retained"))
    figure = Figure("Box mAP", line_chart("Box mAP of each blend", lines, AXIS))
    return render_page("blending/blend.html.j2", of=curve, figure=figure, table=_table(curve))


def _line(name: str, curve: BlendCurve, measure: str) -> Line:
    scores = [(point.alpha, getattr(point, measure)) for point in curve.points]
    known = [(alpha, value) for alpha, value in scores if value is not None]
    return Line(name, [alpha for alpha, _ in known], [value for _, value in known])


def _table(curve: BlendCurve) -> Table:
    header = ("alpha", "mAP", "mAP50", "--retain", "against the best, 95 %", "")
    return Table(header, [_row(curve, point) for point in curve.points])


def _row(curve: BlendCurve, point: BlendPoint) -> tuple[str, ...]:
    chance = point.chance
    interval = f"{change(chance.low)} to {change(chance.high)}" if chance else "-"
    mark = "chosen" if point.alpha == curve.chosen else ""
    scores = (point.validation, point.validation_50, point.retained)
    return (f"{point.alpha:g}", *map(score, scores), interval, mark)
