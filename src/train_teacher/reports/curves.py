"""The curves of a run, for the charts of its page and for plots/*.png."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from train_teacher.pages.charts import Line
from train_teacher.reports.facts import RunReport
from train_teacher.scores.metric_names import METRIC, METRIC_50

EPOCH, STEP, BATCH = "epoch (0: base weights)", "optimizer step", "batch"
LOSS_PARTS = {"loss_cls": "classification", "loss_bbox": "box (L1)", "loss_iou": "box (GIoU)"}


@dataclass(frozen=True)
class Plot:
    """Curves over one axis."""

    title: str
    axis: str
    lines: tuple[Line, ...]
    legend: bool = True
    """True when the lines need a legend."""
    note: str = ""
    file: str = ""
    """Name of its image in plots/, empty when it is on the page only."""


def run_plots(records: Sequence[Mapping[str, Any]], report: RunReport) -> list[Plot]:
    """Return the curves of a run's metrics.jsonl; those without a point are left out."""
    step = BATCH if accumulates(report) else STEP
    plots = [
        _plot(records, "Validation", EPOCH, {METRIC: "mAP", METRIC_50: "mAP50"}, file="validation"),
        _plot(records, "Loss", step, {"loss": "sum of all terms"}, file="loss"),
        _plot(records, "Loss of the last decoder layer", step, LOSS_PARTS),
        _plot(
            records,
            "Learning rate",
            step,
            {"lr": "learning rate"},
            note=_other_rates(report),
            file="learning_rate",
        ),
        _plot(
            records,
            "Seconds of a step",
            step,
            {"time": "whole step", "data_time": "waiting for data"},
        ),
        _plot(records, "GPU memory (MiB)", step, {"memory": "peak"}),
        _plot(records, "Main memory (MiB)", step, {"process_memory": "peak"}),
    ]
    return [plot for plot in plots if plot.lines]


def accumulates(report: RunReport) -> bool:
    """Return whether several batches make an optimizer step: logged values are of batches."""
    return (report.settings.get("accumulation") or 1) > 1


def curve(name: str, records: Sequence[Mapping[str, Any]], key: str) -> Line:
    """Return one logged number over the steps, or over the epochs for that of a validation."""
    kind = "val" if key in (METRIC, METRIC_50) else "train"
    points = [
        (r["step"], max(r[key], 0.0))
        for r in records
        if r.get("kind") == kind and r.get(key) is not None
    ]
    return Line(name, [x for x, _ in points], [y for _, y in points])


def _plot(
    records: Sequence[Mapping[str, Any]],
    title: str,
    axis: str,
    names: Mapping[str, str],
    **more: Any,
) -> Plot:
    """Return the curves with a point, by the names of their keys."""
    lines = (curve(name, records, key) for key, name in names.items())
    drawn = tuple(line for line in lines if line.x)
    return Plot(title, axis, drawn, legend=len(names) > 1, **more)


def _other_rates(report: RunReport) -> str:
    """Return a note on the parameter groups that the learning rate curve does not show."""
    factor = report.settings.get("lora_lr_factor")
    if report.tune != "lora" or not factor:
        return ""
    return (
        f"The rate of the modules that are trained whole; the adapters learn at {factor:g} "
        "times it (lora_lr_factor)."
    )
