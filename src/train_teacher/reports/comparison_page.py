"""The page that shows several runs beside each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from train_teacher.pages import (
    bar_charts,
    line_charts,
    parts,
)
from train_teacher.pages.line_charts import Line
from train_teacher.pages.page import page, safe
from train_teacher.pages.parts import figure
from train_teacher.reports.comparison import ComparedRun, Comparison, Row
from train_teacher.scores.metric_names import METRIC, METRIC_50

SHOWN_CLASSES = 300
STYLE = """
td.top { font-weight: 700; color: var(--good) }
"""
CHARTS = (
    ("Box mAP", "val", METRIC, "epoch (0: base weights)"),
    ("mAP50", "val", METRIC_50, "epoch (0: base weights)"),
    ("Loss", "train", "loss", "optimizer step"),
    ("Learning rate", "train", "lr", "optimizer step"),
    ("Seconds of a step", "train", "time", "optimizer step"),
    ("GPU memory (MiB)", "train", "memory", "optimizer step"),
)


def render_comparison(comparison: Comparison, runs: Sequence[ComparedRun]) -> str:
    """Return the page.

    Args:
        comparison: from `compare_runs`.
        runs: the same runs, with their curves.

    Returns:
        A complete HTML document; every name in it is escaped.
    """
    sections = [
        f"<h1>{safe(' / '.join(comparison.names))}</h1>",
        '<p class="quiet">The same colour is the same run in every chart; bold is best.</p>',
        _verdicts(comparison, runs),
        f"<h2>Results</h2>{_table(comparison.names, comparison.results)}",
        f"<h2>Curves</h2>{_charts(comparison.names, runs)}",
        "<h2>Settings that differ</h2>"
        + (
            _table(comparison.names, comparison.settings)
            if comparison.settings
            else "<p>None: the runs differ only in chance.</p>"
        ),
        _classes(comparison),
    ]
    return page(
        f"Comparison of {' and '.join(comparison.names)}",
        "\n".join(sections),
        bar_charts.STYLE + line_charts.STYLE + parts.STYLE + STYLE,
    )


def _verdicts(comparison: Comparison, runs: Sequence[ComparedRun]) -> str:
    warning = ""
    if not comparison.same_data:
        warning = (
            '<p class="verdict bad">These runs were validated on different data or classes: their '
            "scores cannot be compared.</p>"
        )
    rows = "".join(
        f"<dt>{safe(name)}</dt><dd>{safe(run.report.verdict.headline)}</dd>"
        for name, run in zip(comparison.names, runs, strict=True)
    )
    return f'{warning}<dl class="facts">{rows}</dl>'


def _table(names: Sequence[str], rows: Sequence[Row]) -> str:
    head = "".join(f'<th class="n">{safe(name)}</th>' for name in names)
    body = "".join(
        f"<tr><td>{safe(row.name)}</td>"
        + "".join(
            f'<td class="n{" top" if column == row.best else ""}">{safe(value)}</td>'
            for column, value in enumerate(row.values)
        )
        + "</tr>"
        for row in rows
    )
    return f'<div class="wide"><table><tr><th></th>{head}</tr>{body}</table></div>'


def _charts(names: Sequence[str], runs: Sequence[ComparedRun]) -> str:
    drawn = []
    for title, kind, key, axis in CHARTS:
        lines = [
            _line(name, [r for r in run.records if r.get("kind") == kind], key)
            for name, run in zip(names, runs, strict=True)
        ]
        if any(any(line.y) for line in lines):
            drawn.append(figure(title, line_charts.line_chart(title, lines, axis)))
    return f'<div class="charts">{"".join(drawn)}</div>'


def _line(name: str, records: Sequence[Mapping[str, Any]], key: str) -> Line:
    points = [(r["step"], max(r[key], 0.0)) for r in records if r.get(key) is not None]
    return Line(name, [x for x, _ in points], [y for _, y in points])


def _classes(comparison: Comparison) -> str:
    hidden = len(comparison.classes) - SHOWN_CLASSES
    more = f'<p class="quiet">and {hidden:,} more classes</p>' if hidden > 0 else ""
    table = _table(comparison.names, comparison.classes[:SHOWN_CLASSES])
    return f"<h2>AP of the best epoch by class</h2>{table}{more}"
