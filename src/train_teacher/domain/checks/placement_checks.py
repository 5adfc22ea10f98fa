"""B14 to B17: boxes that are fine one by one and suspicious together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from train_teacher.domain.box_overlap import overlap_ratio
from train_teacher.domain.checks.reporting import annotation_finding, listed, plural, share
from train_teacher.domain.checks.rowwise import every
from train_teacher.domain.coco import CocoDataset, sizes_of_annotations
from train_teacher.domain.dataset_info import Finding

Rows = npt.NDArray[np.int64]
Boxes = npt.NDArray[np.float64]

NEARLY_THE_SAME = 0.95
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
HUGE = 1e6
"""Pixels; boxes beyond are B7."""


def check_placement(dataset: CocoDataset, sizes: npt.NDArray[np.float64]) -> list[Finding]:
    """Return B14 (double boxes), B15 (extreme), B16 (outliers), B17 (all alike).

    Args:
        dataset: the data set.
        sizes: (M, 2) width and height in pixels, NaN where unknown.
    """
    columns = dataset.annotations
    usable = every(np.abs(columns.bbox) < HUGE) & every(columns.bbox[:, 2:] >= 1)
    usable &= (columns.image_row >= 0) & (columns.category_row >= 0) & (columns.iscrowd != 1)
    rows = np.flatnonzero(usable)
    if not len(rows):
        return []
    boxes = np.stack([column[usable] for column in columns.bbox.T]).T
    here = sizes_of_annotations(dataset, sizes, rows)
    with np.errstate(invalid="ignore"):
        whole = every(boxes[:, 2:] >= WHOLE_IMAGE * here)
    return [
        *_double(dataset, rows, boxes),
        *_extreme(dataset, rows, boxes, rows[whole]),
        *_outliers(dataset, rows, boxes, whole),
        *_all_alike(dataset, rows, boxes),
    ]


def _double(dataset: CocoDataset, rows: Rows, boxes: Boxes) -> list[Finding]:
    """Compare each box with its next two by left edge: a double is next to its original."""
    images = dataset.annotations.image_row[rows]
    # One number to sort by, image first: three times faster than np.lexsort.
    order = np.argsort(images * float(2 * HUGE) + np.clip(boxes[:, 0], -HUGE, HUGE))
    images, left, width = images[order], boxes[:, 0][order], boxes[:, 2][order]
    category_row = dataset.annotations.category_row
    same_class: list[Rows] = []
    other_class: list[Rows] = []
    for step in (1, 2):
        # Left edges further apart cannot overlap that much: spares most of the arithmetic.
        close = left[step:] - left[:-step] < (1 - NEARLY_THE_SAME) * width[:-step]
        near = np.flatnonzero(close & (images[step:] == images[:-step]))
        first, second = order[near], order[near + step]
        double = overlap_ratio(boxes[first], boxes[second]) > NEARLY_THE_SAME
        first, second = rows[first[double]], rows[second[double]]
        equal = category_row[first] == category_row[second]
        same_class.append(second[equal])
        other_class.append(second[~equal])
    kinds = (
        (
            same_class,
            "drawn twice on the same object",
            "The object weighs double in the loss, and one of the two detections counts as false.",
            "inspect-data DATA.json --fix OUT.json removes exact copies; look at the others.",
        ),
        (
            other_class,
            "on the same object as a box of another class",
            "Two answers are asked for at one place, and each is an error for the other.",
            "Decide for one class, or label the object once.",
        ),
    )
    findings = []
    for found, what, consequence, fix in kinds:
        # A set, since np.unique would import numpy.ma.
        hit = np.array(sorted(set(np.concatenate(found).tolist())), np.int64)
        findings += annotation_finding(
            dataset,
            hit,
            code="B14",
            severity="warning",
            message=f"{plural(len(hit), 'box', 'boxes')} {what} (overlap over {NEARLY_THE_SAME:g})",
            consequence=consequence,
            fix=fix,
            key="bbox",
        )
    return findings


def _extreme(dataset: CocoDataset, rows: Rows, boxes: Boxes, whole: Rows) -> list[Finding]:
    width, height = boxes[:, 2], boxes[:, 3]
    thin = rows[np.maximum(width, height) > THIN * np.minimum(width, height)]
    kinds = (
        (whole, "as large as the image", "Fine if the object fills the picture."),
        (thin, f"more than {THIN} times longer than wide", "Random crops often lose them."),
    )
    return [
        finding
        for hit, what, consequence in kinds
        for finding in annotation_finding(
            dataset,
            hit,
            code="B15",
            severity="info",
            message=f"{plural(len(hit), 'box', 'boxes')} {what}",
            consequence=consequence,
            fix="Look at a few; nothing to do if they are meant.",
            key="bbox",
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
    return annotation_finding(
        dataset,
        worst,
        code="B16",
        severity="info",
        message=f"{plural(len(worst), 'box', 'boxes')} far larger or smaller than the others of "
        f"the class: {listed(sorted(names), SHOWN_OUTLIERS)}",
        consequence="Often a slip of the mouse or a wrong class.",
        fix="Look at them; nothing to do if they are right.",
        key="bbox",
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


def _all_alike(dataset: CocoDataset, rows: Rows, boxes: Boxes) -> list[Finding]:
    if len(rows) < MIN_FOR_REPETITION:
        return []
    kinds: Sequence[tuple[Boxes, str]] = (
        (boxes, "the same place and size"),
        (boxes[:, 2:], "the same size"),
    )
    step = max(1, len(rows) // SAMPLE)
    for values, what in kinds:
        sample = values[::step]
        if len(_most_frequent(sample)) <= REPEATED_SHARE / 2 * len(sample):
            continue
        hit = _most_frequent(values)
        if len(hit) > REPEATED_SHARE * len(rows):
            return annotation_finding(
                dataset,
                rows[hit],
                code="B17",
                severity="warning",
                message=f"{share(len(hit), len(rows))} boxes have {what}",
                consequence="That is how a tool's default box or a failed conversion looks: the "
                "model would learn the habit, not the objects.",
                fix="Look at a few pictures with their boxes; export again if they do not fit.",
                key="bbox",
            )
    return []


def _most_frequent(values: npt.NDArray[np.float64]) -> Rows:
    """Return the rows that hold the most frequent row of numbers."""
    odd = np.uint64(0x9E3779B97F4A7C15)
    key = np.zeros(len(values), np.uint64)
    for column in values.T:
        key = (key ^ np.ascontiguousarray(column).view(np.uint64)) * odd
        key ^= key >> np.uint64(29)
    ordered = np.sort(key)
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    counts = np.diff(starts, append=len(ordered))
    return np.flatnonzero(key == ordered[starts[np.argmax(counts)]])
