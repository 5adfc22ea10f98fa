"""Curves of a run as PNG files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from train_teacher.pages.charts import FEW_POINTS
from train_teacher.reports.curves import Plot


def draw_curves(plots: Iterable[Plot], folder: Path) -> None:
    """Draw the plots that have a file into a folder, which is created."""
    folder.mkdir(parents=True, exist_ok=True)
    for plot in plots:
        if plot.file:
            _draw(folder / f"{plot.file}.png", plot)


def _draw(path: Path, plot: Plot) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for line in plot.lines:
        dots = "o" if len(line.x) <= FEW_POINTS else ""
        axes.plot(line.x, line.y, marker=dots, markersize=3, label=line.name)
    axes.set_xlabel(plot.axis)
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=120)
