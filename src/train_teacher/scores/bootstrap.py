"""Bootstrap confidence interval of a gain: the validation images resampled (Efron 1979)."""

from __future__ import annotations

import msgspec
import numpy as np
import numpy.typing as npt

from train_teacher.core.arrays import Floats
from train_teacher.scores.detections import Detections, GroundTruth
from train_teacher.scores.judgement import judge

RESAMPLES = 200
MOST_IMAGES = 400
"""Of a set that is resampled: on larger ones the interval is narrow, and counting takes long."""
IOUS = tuple(percent / 100 for percent in range(50, 100, 5))
"""COCO's, so that the interval is of the reported gain."""
TAILS = (0.025, 0.975)


class Chance(msgspec.Struct, frozen=True, kw_only=True):
    """Bootstrap confidence interval of a gain, over the images of the validation split."""

    images: int = 0
    """0 in a results.json of before 2026-11-28, which had another name for it."""
    boxes: int
    better: float
    """Share of the resampled sets in which the best epoch beats the base weights."""
    low: float
    """Gain of mAP above which 97.5 % of the resampled sets are."""
    high: float


def chance_of_gain(before: Detections, best: Detections, truth: GroundTruth) -> Chance | None:
    """Resample the validation images and count how often the gain remains.

    None for a large set, or one without objects.
    """
    boxes, images = int((~truth.crowd).sum()), len(truth.image_ids)
    if not boxes or images > MOST_IMAGES:
        return None
    drawn = draws(images)
    gains = resampled_scores(best, truth, drawn) - resampled_scores(before, truth, drawn)
    gains = gains[np.isfinite(gains)]
    low, high = np.quantile(gains, TAILS).tolist()
    better = float((gains > 0).mean())
    return Chance(images=images, boxes=boxes, better=better, low=low, high=high)


def draws(images: int) -> npt.NDArray[np.int64]:
    """Return (R, I) how often each image is in each resampled set, deterministically."""
    generator = np.random.default_rng(0)
    return generator.multinomial(images, np.full(images, 1 / max(images, 1)), size=RESAMPLES)


def resampled_scores(found: Detections, truth: GroundTruth, drawn: npt.NDArray[np.int64]) -> Floats:
    """Return (R,) mAP in each resampled set, NaN in one without objects."""
    classes = np.unique(truth.label[~truth.crowd]).tolist()
    most = 1 + max(found.label.max(initial=0), truth.label.max(initial=0))
    flags = [judge(found, truth, most, iou).flags for iou in IOUS]
    scores = [
        [resampled_precision(found, one, truth, label, drawn) for one in flags] for label in classes
    ]
    return np.asarray(np.ma.masked_invalid(np.mean(scores, axis=1)).mean(axis=0).filled(np.nan))


def resampled_precision(
    found: Detections,
    flags: npt.NDArray[np.int8],
    truth: GroundTruth,
    label: int,
    drawn: npt.NDArray[np.int64],
) -> Floats:
    """Return (R,) a class's average precision in each resampled set, NaN in one without objects.

    It is the area under the highest precision at each recall or beyond.

    Args:
        found: D detections of all images.
        flags: (D,) of their `Judgement`.
        truth: of all images.
        label: the class.
        drawn: (R, I) from `draws`.
    """
    rows = np.flatnonzero(found.label == label)
    rows = rows[np.argsort(-found.score[rows], kind="stable")]
    weights = drawn[:, truth.places(found.image_id[rows])]
    labelled = truth.image_id[(truth.label == label) & ~truth.crowd]
    objects = drawn[:, truth.places(labelled)].sum(axis=1)
    hits = weights * (flags[rows] == 1)
    seen = np.cumsum(weights * (flags[rows] >= 0), axis=1)
    precision = np.cumsum(hits, axis=1) / np.maximum(seen, 1)
    envelope = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    area = (envelope * hits).sum(axis=1)
    nothing = np.full(len(drawn), np.nan)
    return np.asarray(np.divide(area, objects, out=nothing, where=objects > 0))
