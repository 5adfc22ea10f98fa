"""B: boxes that are wrong, lost, or read in the wrong convention."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from train_teacher.domain.checks.reporting import REPAIRED, annotation_examples, plural, share
from train_teacher.domain.coco import (
    CocoDataset,
    boxes_with_derived,
    image_sizes,
)
from train_teacher.domain.dataset_info import Finding, Severity

Rows = npt.NDArray[np.int64]
Boxes = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

TOLERATED_SHARE = 0.05
OVERHANG = 2.0
"""Pixels a box may stick out without a word: rounding and tools that count edges."""
HUGE = 1e6
CONVENTION_SHARE = 0.95
XYXY_OUTSIDE_SHARE = 0.2
MIN_BOXES_FOR_CONVENTION = 3


def check_boxes(
    dataset: CocoDataset, sizes: npt.NDArray[np.float64] | None = None
) -> list[Finding]:
    """Return B1 to B8: boxes without size, in another convention, outside, infinite, missing.

    Args:
        dataset: the data set.
        sizes: (M, 2) width and height in pixels, NaN where unknown; the JSON's when None.
    """
    columns = dataset.annotations
    if not len(columns):
        return []
    sizes = image_sizes(dataset) if sizes is None else sizes
    boxes, derived = boxes_with_derived(dataset)
    usable: Flags = np.asarray((np.abs(boxes) < HUGE).all(axis=1))  # False for NaN too
    findings = [*_missing(dataset, derived), *_not_finite(dataset, usable)]
    convention = _normalised(dataset, boxes, usable) or _corners(dataset, boxes, usable, sizes)
    if convention:
        # Every further remark on these boxes would only repeat the wrong convention.
        return [*findings, *convention]
    findings += _without_size(dataset, boxes, usable)
    return [*findings, *_outside(dataset, boxes, usable, sizes)]


def _missing(dataset: CocoDataset, derived: Flags) -> list[Finding]:
    missing = ~dataset.annotations.has_bbox
    findings = []
    if derived.any():
        findings.append(
            Finding(
                code="B8",
                severity="warning",
                count=int(derived.sum()),
                message=f"{plural(int(derived.sum()), 'annotation')} with polygons but no bbox",
                consequence="MMDetection would stop with KeyError: 'bbox'.",
                fix=f"{REPAIRED}, where the box is the polygon's bounds.",
                examples=annotation_examples(dataset, np.flatnonzero(derived)),
            )
        )
    lost = np.flatnonzero(missing & ~derived)
    if len(lost):
        total = len(dataset.annotations)
        findings.append(
            Finding(
                code="B8",
                severity="error",
                count=len(lost),
                message=f"{plural(len(lost), 'annotation')} with neither a bbox nor a polygon",
                consequence=f"{share(len(lost), total)} annotations are not trained, "
                "and their objects are learned as background.",
                fix="Add the boxes (for RLE masks: pycocotools.mask.toBbox), or export again.",
                examples=annotation_examples(dataset, lost),
            )
        )
    return findings


def _not_finite(dataset: CocoDataset, usable: Flags) -> list[Finding]:
    bad = np.flatnonzero(dataset.annotations.has_bbox & ~usable)
    if not len(bad):
        return []
    return [
        Finding(
            code="B7",
            severity="error",
            count=len(bad),
            message=f"{plural(len(bad), 'box', 'boxes')} with NaN, infinite or huge numbers",
            consequence="One such box turns the loss into NaN and ruins the whole run.",
            fix="Correct or remove these annotations.",
            examples=annotation_examples(dataset, bad, "bbox"),
        )
    ]


def _normalised(dataset: CocoDataset, boxes: Boxes, usable: Flags) -> list[Finding]:
    total = int(usable.sum())
    small = usable & (boxes >= 0).all(axis=1) & (boxes <= 1).all(axis=1)
    count = int(small.sum())
    if count < MIN_BOXES_FOR_CONVENTION or count < CONVENTION_SHARE * total:
        return []
    return [
        Finding(
            code="B3",
            severity="error",
            count=count,
            message=f"boxes look normalised: {share(count, total)} lie between 0 and 1, "
            "but COCO wants pixels",
            consequence="Every one is smaller than a pixel, so MMDetection drops them all.",
            fix="Multiply x and width by the image width, y and height by its height, "
            "or export in pixels.",
            examples=annotation_examples(dataset, np.flatnonzero(small), "bbox"),
        )
    ]


def _corners(
    dataset: CocoDataset, boxes: Boxes, usable: Flags, sizes: npt.NDArray[np.float64]
) -> list[Finding]:
    """Boxes written as x1, y1, x2, y2: many overhang as xywh, and none does as corners."""
    here = _sizes_of(dataset, sizes)
    judged = usable & np.isfinite(here).all(axis=1)
    total = int(judged.sum())
    if total < MIN_BOXES_FOR_CONVENTION:
        return []
    b, s = boxes[judged], here[judged]
    outside = (b[:, :2] + b[:, 2:] > s + OVERHANG).any(axis=1)
    ordered = (b[:, 2:] > b[:, :2]).all(axis=1)
    inside_as_corners = ordered & (b[:, 2:] <= s + OVERHANG).all(axis=1)
    if (
        outside.mean() <= XYXY_OUTSIDE_SHARE
        or inside_as_corners.mean() < CONVENTION_SHARE
        or outside.sum() < MIN_BOXES_FOR_CONVENTION
    ):
        return []
    wrong = int((~inside_as_corners).sum())
    return [
        Finding(
            code="B4",
            severity="error",
            count=total,
            message="boxes look like x1,y1,x2,y2 instead of x,y,width,height: read as COCO, "
            f"{share(int(outside.sum()), total)} leave their image, read as corners {wrong} do",
            consequence="The model would learn boxes far larger than the objects.",
            fix="Write [x1, y1, x2 - x1, y2 - y1], or correct the export.",
            examples=annotation_examples(dataset, np.flatnonzero(judged)[outside], "bbox"),
        )
    ]


def _without_size(dataset: CocoDataset, boxes: Boxes, usable: Flags) -> list[Finding]:
    flat = usable & (boxes[:, 2:] <= 0).any(axis=1)
    thin = usable & ~flat & (boxes[:, 2:] < 1).any(axis=1)
    kinds = (
        ("B1", flat, "with zero or negative width or height"),
        ("B2", thin, "narrower or lower than one pixel"),
    )
    total = len(dataset.annotations)
    findings = []
    for code, hit, what in kinds:
        rows = np.flatnonzero(hit)
        if not len(rows):
            continue
        severity: Severity = "error" if len(rows) > TOLERATED_SHARE * total else "warning"
        findings.append(
            Finding(
                code=code,
                severity=severity,
                count=len(rows),
                message=f"{plural(len(rows), 'box', 'boxes')} {what}",
                consequence=f"{share(len(rows), total)} annotations are not trained: "
                "MMDetection drops them.",
                fix="Draw these boxes again, or remove the annotations.",
                examples=annotation_examples(dataset, rows, "bbox"),
            )
        )
    return findings


def _outside(
    dataset: CocoDataset, boxes: Boxes, usable: Flags, sizes: npt.NDArray[np.float64]
) -> list[Finding]:
    here = _sizes_of(dataset, sizes)
    judged = usable & np.isfinite(here).all(axis=1) & (boxes[:, 2:] > 0).all(axis=1)
    far = boxes[:, :2] + boxes[:, 2:]
    fully = judged & ((far <= 0) | (boxes[:, :2] >= here)).any(axis=1)
    partly = judged & ~fully & ((far > here + OVERHANG) | (boxes[:, :2] < -OVERHANG)).any(axis=1)
    kinds = (
        (fully, "outside the image", "MMDetection drops them: they are not trained."),
        (partly, "partly outside the image", "The part outside is cut off during training."),
    )
    return [
        Finding(
            code="B6",
            severity="warning",
            count=int(hit.sum()),
            message=f"{plural(int(hit.sum()), 'box', 'boxes')} {what}",
            consequence=consequence,
            fix="Check that width and height in the JSON are those of the labelled picture.",
            examples=annotation_examples(dataset, np.flatnonzero(hit), "bbox"),
        )
        for hit, what, consequence in kinds
        if hit.any()
    ]


def _sizes_of(dataset: CocoDataset, sizes: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the (N, 2) image size of each annotation, NaN where the image is unknown."""
    padded = np.vstack([sizes, np.full((1, 2), np.nan)])
    return np.asarray(padded[dataset.annotations.image_row], np.float64)
