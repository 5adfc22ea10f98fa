"""Missed objects and false boxes of a detector used for labeling, at its threshold."""

from __future__ import annotations

import msgspec
import numpy as np

from train_teacher.core.arrays import Floats
from train_teacher.scores.analysis import DetectionAnalysis
from train_teacher.scores.bootstrap import TAILS, draws


class LabelQuality(msgspec.Struct, frozen=True, kw_only=True):
    """Errors of a detector's boxes from a score on, at an overlap of 0.5."""

    threshold: float
    images: int
    objects: int
    kept: int
    """Detections with at least that score."""
    missed: float
    """Share of the objects that no box of their class lies on."""
    missed_at_most: float
    """In 97.5 % of the resampled sets of images."""
    false: float
    """Share of the kept boxes without an object of their class."""
    false_at_most: float


def label_quality(analysis: DetectionAnalysis) -> LabelQuality | None:
    """Count missed objects and false boxes; None without objects."""
    counts = np.array([(p.found, p.missed, p.false) for p in analysis.images]).reshape(-1, 3)
    found, missed, false = counts.sum(axis=0).tolist()
    if not found + missed:
        return None
    drawn = draws(len(counts)) @ counts
    return LabelQuality(
        threshold=analysis.threshold,
        images=len(counts),
        objects=found + missed,
        kept=found + false,
        missed=missed / (found + missed),
        missed_at_most=_at_most(drawn[:, 1], drawn[:, 0]),
        false=false / max(found + false, 1),
        false_at_most=_at_most(drawn[:, 2], drawn[:, 0]),
    )


def _at_most(wrong: Floats, right: Floats) -> float:
    return float(np.quantile(wrong / np.maximum(wrong + right, 1), TAILS[1]))
