"""What a gain rests on: the validation images drawn anew, many times (Efron 1979)."""

from __future__ import annotations

import msgspec
import numpy as np
import numpy.typing as npt

from train_teacher.scores.analysis import found_flags
from train_teacher.scores.detections import Detections, GroundTruth

RESAMPLES = 200
MOST_IMAGES = 400
"""Of a set that is drawn anew: on larger ones chance is small, and counting would take long."""
IOUS = (0.5, 0.6, 0.7, 0.8, 0.9)
"""Every other one of COCO's: half the work, and a gain that hardly differs."""
TAILS = (0.025, 0.975)


class Chance(msgspec.Struct, frozen=True, kw_only=True):
    """How far a gain depends on which images happened to be in the validation split."""

    images: int = 0
    """0 in a results.json of before 2026-11-28, which had another name for it."""
    boxes: int
    better: float
    """Share of the resampled sets in which the best epoch beats the base weights."""
    low: float
    """Gain of mAP above which 97.5 % of the resampled sets are."""
    high: float

    @property
    def is_sure(self) -> bool:
        """Whether chance is ruled out as far as these images can tell."""
        return self.low > 0


def chance_of_gain(before: Detections, best: Detections, truth: GroundTruth) -> Chance | None:
    """Draw the validation images anew and see how often the gain is still there.

    Args:
        before: what the base weights detected.
        best: what the best epoch detected.
        truth: the labels.

    Returns:
        None for a large set, or one without objects.
    """
    boxes, images = int((~truth.crowd).sum()), len(truth.image_ids)
    if not boxes or images > MOST_IMAGES:
        return None
    generator = np.random.default_rng(0)
    draws = generator.multinomial(images, np.full(images, 1 / images), size=RESAMPLES)
    gains = _scores(best, truth, draws) - _scores(before, truth, draws)
    gains = gains[np.isfinite(gains)]
    low, high = np.quantile(gains, TAILS).tolist()
    better = float((gains > 0).mean())
    return Chance(images=images, boxes=boxes, better=better, low=low, high=high)


def _scores(
    found: Detections, truth: GroundTruth, draws: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """Return (R,) mAP in each resampled set, NaN in one without objects.

    Args:
        found: of all images.
        truth: of all images.
        draws: (R, I) how often each image is in each set.
    """
    order = np.argsort(truth.image_ids)
    sorted_ids = truth.image_ids[order]
    by_score = np.argsort(-found.score, kind="stable")
    place = order[np.searchsorted(sorted_ids, found.image_id[by_score])]
    truth_place = order[np.searchsorted(sorted_ids, truth.image_id)]
    label = found.label[by_score]
    flags = [found_flags(found, truth, iou)[by_score] for iou in IOUS]
    classes = np.unique(truth.label[~truth.crowd]).tolist()
    total = np.zeros(len(draws))
    counted = np.zeros(len(draws))
    for one in classes:
        objects = draws[:, truth_place[(truth.label == one) & ~truth.crowd]].sum(axis=1)
        rows = np.flatnonzero(label == one)
        weights = draws[:, place[rows]]
        scores = [_precision(weights, flag[rows], objects) for flag in flags]
        total += np.where(objects > 0, np.mean(scores, axis=0), 0.0)
        counted += objects > 0
    mean = np.full(len(draws), np.nan)
    np.divide(total, counted, out=mean, where=counted > 0)
    return mean


def _precision(
    weights: npt.NDArray[np.int64], flags: npt.NDArray[np.int8], objects: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """Return (R,) the area under the highest precision at each recall or beyond.

    Args:
        weights: (R, D) how often each detection is in each set, best first.
        flags: (D,) of `found_flags`.
        objects: (R,) in each set.
    """
    hits = weights * (flags == 1)
    seen = np.cumsum(weights * (flags >= 0), axis=1)
    precision = np.cumsum(hits, axis=1) / np.maximum(seen, 1)
    envelope = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    return np.asarray((envelope * hits).sum(axis=1) / np.maximum(objects, 1))
