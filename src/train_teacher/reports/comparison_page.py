"""The page that compares several runs."""

from __future__ import annotations

from collections.abc import Sequence

from train_teacher.pages.charts import line_chart
from train_teacher.pages.page import render_page
from train_teacher.pages.parts import Figure
from train_teacher.reports.comparison import ComparedRun, Comparison
from train_teacher.reports.curves import EPOCH, STEP, curve
from train_teacher.scores.metric_names import METRIC, METRIC_50

CHARTS = (
    ("Box mAP", METRIC, EPOCH),
    ("mAP50", METRIC_50, EPOCH),
    ("Loss", "loss", STEP),
    ("Learning rate", "lr", STEP),
    ("Seconds of a step", "time", STEP),
    ("GPU memory (MiB)", "memory", STEP),
)


def render_comparison(comparison: Comparison, runs: Sequence[ComparedRun]) -> str:
    """Return the comparison as a complete HTML document; every name in it is escaped."""
    named = list(zip(comparison.names, runs, strict=True))
    figures = []
    for title, key, axis in CHARTS:
        lines = [curve(name, run.records, key) for name, run in named]
        if any(any(line.y) for line in lines):
            figures.append(Figure(title, line_chart(title, lines, axis)))
    headlines = [(name, run.report.verdict.headline) for name, run in named]
    return render_page(
        "reports/comparison.html.j2",
        comparison=comparison,
        headlines=headlines,
        figures=figures,
    )
