"""B15 to B17: boxes that are fine one by one and suspicious together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from train_teacher.coco.dataset import CocoDataset, sizes_of_annotations
from train_teacher.core.arrays import Boxes, Rows, every
from train_teacher.core.words import listed, plural, share
from train_teacher.inspection.facts import Finding
from train_teacher.inspection.finding import annotations_at, finding_about
from train_teacher.inspection.inspected import InspectedFile

WHOLE_IMAGE = 0.98
THIN = 20
OUTLIER = 6.0
"""Median absolute deviations, scaled to standard deviations, of the logarithm of the side."""
MIN_FOR_OUTLIERS = 30
SHOWN_OUTLIERS = 5
MIN_FOR_REPETITION = 20
REPEATED_SHARE = 0.5
MAD_TO_SIGMA = 1.4826
LEAST_SPREAD = 0.1
SAMPLE = 20_000


def check_placement(file: InspectedFile) -> list[Finding]:
    """Return B15 (extreme), B16 (outliers), B17 (all alike)."""
    dataset = file.dataset
    rows, boxes = file.sound_boxes
    if not len(rows):
        return []
    here = sizes_of_annotations(dataset, file.sizes, rows)
    with np.errstate(invalid="ignore"):
        whole = every(boxes[:, 2:] >= WHOLE_IMAGE * here)
    return [
        *_extreme(dataset, rows, boxes, rows[whole]),
        *_outliers(dataset, rows, boxes, whole),
        *_all_alike(dataset, rows, boxes, whole),
    ]


def _extreme(dataset: CocoDataset, rows: Rows, boxes: Boxes, whole: Rows) -> list[Finding]:
    width, height = boxes[:, 2], boxes[:, 3]
    thin = rows[np.maximum(width, height) > THIN * np.minimum(width, height)]
    kinds = (
        (whole, "as large as the image", "Fine if the object fills the image."),
        (thin, f"more than {THIN} times longer than wide", "Random crops often lose them."),
    )
    return [
        finding
        for hit, what, consequence in kinds
        for finding in finding_about(
            annotations_at(dataset, hit, "bbox"),
            code="B15",
            severity="info",
            message=f"{plural(len(hit), 'box', 'boxes')} {what}",
            consequence=consequence,
            fix="Check a few; nothing to do if they are intended.",
        )
    ]


def _outliers(
    dataset: CocoDataset, rows: Rows, boxes: Boxes, whole: npt.NDArray[np.bool_]
) -> list[Finding]:
    side = np.log(boxes[:, 2] * boxes[:, 3]) / 2
    classes = dataset.annotations.category_row[rows]
    centre, spread = _typical(side, classes, len(dataset.categories))
    score = (side - centre[classes]) / spread[classes]
    far = np.flatnonzero((np.abs(score) > OUTLIER) & ~whole)
    worst = rows[far[np.argsort(-np.abs(score[far]), kind="stable")]]
    names = {dataset.categories[c].name for c in dataset.annotations.category_row[worst].tolist()}
    return finding_about(
        annotations_at(dataset, worst, "bbox"),
        code="B16",
        severity="info",
        message=f"{plural(len(worst), 'box', 'boxes')} far larger or smaller than the others of "
        f"the class: {listed(sorted(names), SHOWN_OUTLIERS)}",
        consequence="Often a slip of the mouse or a wrong class.",
        fix="Check them; nothing to do if they are right.",
    )


def _typical(
    side: npt.NDArray[np.float64], classes: npt.NDArray[np.int64], count: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return (C,) median and robust standard deviation of each class, infinite where too few.

    Estimated from an even sample: the middle of a class does not depend on all of its boxes.
    """
    step = max(1, len(side) // (SAMPLE * 10))
    side, classes = side[::step], classes[::step]
    # A short integer sorts several times faster than a long one.
    order = np.argsort(classes.astype(np.int16 if count < 2**15 else np.int64), kind="stable")
    ends = np.cumsum(np.bincount(classes, minlength=count))
    centre, spread = np.zeros(count), np.full(count, np.inf)
    for number, (start, end) in enumerate(zip([0, *ends[:-1]], ends, strict=True)):
        values = side[order[start:end]]
        if len(values) >= MIN_FOR_OUTLIERS:
            middle = len(values) // 2
            centre[number] = np.partition(values, middle)[middle]
            apart = np.partition(np.abs(values - centre[number]), middle)[middle]
            spread[number] = max(MAD_TO_SIGMA * apart, LEAST_SPREAD)
    return centre, spread


def _all_alike(
    dataset: CocoDataset, rows: Rows, boxes: Boxes, whole: npt.NDArray[np.bool_]
) -> list[Finding]:
    if len(rows) < MIN_FOR_REPETITION:
        return []
    # Boxes as large as their images all start in the corner, and are meant (B15).
    corners = boxes[:, :2].copy()
    corners[whole] = np.nan
    kinds: Sequence[tuple[Boxes, str]] = (
        (boxes, "the same place and size"),
        (boxes[:, 2:], "the same size"),
        (corners, "the same upper left corner"),
    )
    step = max(1, len(rows) // SAMPLE)
    for values, what in kinds:
        sample = values[::step]
        if len(_most_frequent(sample)) <= REPEATED_SHARE / 2 * len(sample):
            continue
        hit = _most_frequent(values)
        if np.isnan(values[hit[0]]).any():
            continue
        if len(hit) > REPEATED_SHARE * len(rows):
            return finding_about(
                annotations_at(dataset, rows[hit], "bbox"),
                code="B17",
                severity="warning",
                message=f"{share(len(hit), len(rows))} boxes have {what}",
                consequence="This looks like a tool's default box or a failed conversion: the "
                "model would learn this pattern, not the objects.",
                fix="Check a few images with their boxes; export again if they do not fit.",
            )
    return []


def _most_frequent(values: npt.NDArray[np.float64]) -> Rows:
    """Return the rows that hold the most frequent row of numbers."""
    # Compared as bytes: np.unique(axis=0) takes ten times as long.
    whole_row = np.dtype((np.void, values.itemsize * values.shape[1]))
    rows = np.ascontiguousarray(values).view(whole_row).ravel()
    _, place, counts = np.unique(rows, return_inverse=True, return_counts=True)
    return np.flatnonzero(place == counts.argmax())


FILE_CHECKS = (check_placement,)
