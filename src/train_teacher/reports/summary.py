"""Scores of a run before and after, overall, by size and by class, from its metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from train_teacher.scores.metric_names import ELAPSED, METRIC, METRIC_50

CLASS_SUFFIX = "_precision"
SIZES = {"small": "_s", "medium": "_m", "large": "_l"}


class Validation(msgspec.Struct, frozen=True):
    """One validation."""

    epoch: int
    """0 for the base weights."""
    map: float
    """COCO box AP, IoU 0.50 to 0.95."""
    map_50: float
    per_class: dict[str, float]
    """Box AP by class name; a class without validation boxes is left out."""
    map_75: float = 0.0
    by_size: dict[str, float] = {}
    """Box AP of small (under 32 x 32 pixels), medium and large (over 96 x 96) objects; a size
    without objects is left out."""


class RunSummary(msgspec.Struct, frozen=True):
    """The outcome of a run."""

    before: Validation | None
    """The base weights, None when they were not validated."""
    best: Validation | None
    last: Validation | None
    scores: tuple[tuple[int, float], ...] = ()
    """Epoch and mAP of every validation, oldest first."""

    @property
    def gain(self) -> float | None:
        """Best mAP less that of the base weights, None when one of them is unknown."""
        return self.best.map - self.before.map if self.before and self.best else None


class RunCost(msgspec.Struct, frozen=True):
    """Steps, time and memory of a run."""

    steps: int
    """Optimizer steps done."""
    step_seconds: float | None
    """Mean of an optimizer step, without validation."""
    data_seconds: float | None
    """Of it, waiting for data."""
    memory_mib: float | None
    """Most GPU memory, None on a CPU."""
    process_mib: float | None = None
    """Most main memory of the process, where no GPU memory was logged."""
    total_seconds: float | None = None
    """From the start to the last validation, of all starts of the run together."""


def summarize_run(
    records: Sequence[Mapping[str, Any]],
    class_names: Sequence[str],
    own_names: Sequence[str] | None = None,
) -> RunSummary:
    """Find the scores of the base weights, of the best and of the last epoch in metrics.jsonl.

    Best is the first validation with the highest mAP, the base included.

    Args:
        class_names: what the model reads, by which the scores were logged.
        own_names: of the same classes, by which they are reported.
    """
    names = dict(zip(class_names, own_names or class_names, strict=True))
    validations = [_validation(r, names) for r in records if r.get("kind") == "val"]
    before = next((v for v in validations if v.epoch == 0), None)
    trained = [v for v in validations if v.epoch > 0]
    best = max(validations, key=lambda v: v.map) if validations else None
    return RunSummary(
        before=before,
        best=best,
        last=trained[-1] if trained else None,
        scores=tuple((v.epoch, v.map) for v in validations),
    )


def summarize_cost(
    records: Sequence[Mapping[str, Any]], steps: int | None = None, seconds: float | None = None
) -> RunCost:
    """Return what a run took.

    Args:
        records: lines of metrics.jsonl.
        steps: optimizer steps done; the last one that was logged when None.
        seconds: that a run took whose lines do not say so.
    """
    # An earlier version's lines lack them: what a resumed run took in all is unknown then.
    timed = bool(records) and all(ELAPSED in record for record in records)
    train = [record for record in records if record.get("kind") == "train"]
    return RunCost(
        steps=steps if steps is not None else int(train[-1]["step"]) if train else 0,
        step_seconds=_mean(train, "time"),
        data_seconds=_mean(train, "data_time"),
        memory_mib=_most(train, "memory"),
        process_mib=_most(train, "process_memory"),
        total_seconds=_most(records, ELAPSED) if timed else seconds,
    )


def _most(records: Sequence[Mapping[str, Any]], key: str) -> float | None:
    return max((record[key] for record in records if record.get(key)), default=None)


def _mean(records: Sequence[Mapping[str, Any]], key: str) -> float | None:
    values = [record[key] for record in records if record.get(key) is not None]
    return sum(values) / len(values) if values else None


def _validation(record: Mapping[str, Any], names: Mapping[str, str]) -> Validation:
    per_class = {
        own: value
        for name, own in names.items()
        if (value := record.get(f"coco/{name}{CLASS_SUFFIX}")) is not None
    }
    sizes = {name: record.get(f"{METRIC}{suffix}") for name, suffix in SIZES.items()}
    return Validation(
        epoch=int(record["step"]),
        map=_score(record, METRIC),
        map_50=_score(record, METRIC_50),
        per_class=per_class,
        map_75=_score(record, f"{METRIC}_75"),
        # pycocotools gives -1 where there is no object of a size.
        by_size={name: value for name, value in sizes.items() if value is not None and value >= 0},
    )


def _score(record: Mapping[str, Any], name: str) -> float:
    """Return a metric; one that is absent (nothing was detected) is zero."""
    return max(0.0, float(record.get(name) or 0.0))
