"""What a run's metrics say: scores before and after, overall and by class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

METRIC = "coco/bbox_mAP"
METRIC_50 = "coco/bbox_mAP_50"
CLASS_SUFFIX = "_precision"


class Validation(msgspec.Struct, frozen=True):
    """One validation."""

    epoch: int
    """0 for the base weights."""
    map: float
    """COCO box AP, IoU 0.50 to 0.95."""
    map_50: float
    per_class: dict[str, float]
    """Box AP by class name; a class without validation boxes is left out."""


class RunSummary(msgspec.Struct, frozen=True):
    """The outcome of a run."""

    before: Validation | None
    """The base weights, None when they were not validated."""
    best: Validation | None
    last: Validation | None


def summarize_run(records: Sequence[Mapping[str, Any]], class_names: Sequence[str]) -> RunSummary:
    """Find the scores of the base weights, of the best and of the last epoch.

    Args:
        records: lines of metrics.jsonl, oldest first.
        class_names: in canonical order.

    Returns:
        The summary; best is the first validation with the highest mAP, the base included.
    """
    validations = [_validation(r, class_names) for r in records if r.get("kind") == "val"]
    before = next((v for v in validations if v.epoch == 0), None)
    trained = [v for v in validations if v.epoch > 0]
    best = max(validations, key=lambda v: v.map) if validations else None
    return RunSummary(before=before, best=best, last=trained[-1] if trained else None)


def _validation(record: Mapping[str, Any], class_names: Sequence[str]) -> Validation:
    per_class = {
        name: value
        for name in class_names
        if (value := record.get(f"coco/{name}{CLASS_SUFFIX}")) is not None
    }
    return Validation(
        epoch=int(record["step"]),
        map=_score(record, METRIC),
        map_50=_score(record, METRIC_50),
        per_class=per_class,
    )


def _score(record: Mapping[str, Any], name: str) -> float:
    """Return a metric; one that is absent (nothing was detected) is zero."""
    return max(0.0, float(record.get(name) or 0.0))
