"""Curves of a run as PNG files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from train_teacher.scores.metric_names import METRIC, METRIC_50

Curve = tuple[str, Sequence[float], Sequence[float]]


def draw_curves(records: Sequence[Mapping[str, Any]], folder: Path) -> dict[str, Path]:
    """Draw loss, learning rate and validation mAP.

    Args:
        records: lines of metrics.jsonl, oldest first.
        folder: where the PNG files go; created.

    Returns:
        File by plot name; a plot without a point is left out.
    """
    train = [record for record in records if record.get("kind") == "train"]
    val = [record for record in records if record.get("kind") == "val"]
    plots = {
        "loss": ("optimizer step", [_curve("loss", train, "loss")]),
        "learning_rate": ("optimizer step", [_curve("learning rate", train, "lr")]),
        "validation": ("epoch", [_curve("mAP", val, METRIC), _curve("mAP50", val, METRIC_50)]),
    }
    folder.mkdir(parents=True, exist_ok=True)
    drawn = {}
    for name, (x_label, curves) in plots.items():
        if any(x for _, x, _ in curves):
            path = folder / f"{name}.png"
            _draw(path, x_label, curves)
            drawn[name] = path
    return drawn


def _curve(label: str, records: Sequence[Mapping[str, Any]], key: str) -> Curve:
    points = [(r["step"], r[key]) for r in records if r.get(key) is not None]
    return label, [x for x, _ in points], [y for _, y in points]


def _draw(path: Path, x_label: str, curves: Sequence[Curve]) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for label, x, y in curves:
        axes.plot(x, y, marker="o" if len(x) < 40 else "", markersize=3, label=label)  # noqa: PLR2004 - readable dots
    axes.set_xlabel(x_label)
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=120)
