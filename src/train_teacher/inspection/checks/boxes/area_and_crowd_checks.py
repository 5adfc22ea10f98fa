"""B9 to B13: the area and the crowd flag of annotations."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from train_teacher.coco.dataset import CocoDataset, boxes_with_derived
from train_teacher.coco.masks.boxes import HUGE
from train_teacher.coco.masks.columns import MASK_RLE
from train_teacher.core.arrays import every
from train_teacher.core.words import listed, plural, share
from train_teacher.inspection.facts import Finding
from train_teacher.inspection.finding import REPAIRED, SHOWN, annotations_at, finding_about
from train_teacher.inspection.inspected import InspectedFile

AREA_TOLERANCE = 1.5
CROWD_SHARE = 0.02


def check_attributes(file: InspectedFile) -> list[Finding]:
    """Return B9 (no area), B10 (area 0), B11 (odd area), B12 (no iscrowd), B13 (crowds)."""
    dataset = file.dataset
    if not len(dataset.annotations):
        return []
    return [*_areas(dataset), *_missing_crowd_flag(dataset), *_crowds(dataset), *_ignored(dataset)]


def _areas(dataset: CocoDataset) -> list[Finding]:
    columns = dataset.annotations
    boxes, _ = boxes_with_derived(dataset)
    with np.errstate(invalid="ignore", over="ignore"):
        whole = boxes[:, 2] * boxes[:, 3]
        good = every(np.abs(boxes) < HUGE) & every(boxes[:, 2:] >= 1)
        absent = np.isnan(columns.area)
        zero = good & (columns.area <= 0)
        outline = columns.masks.area.astype(np.float64)
        outline = np.where(np.isfinite(outline) & (outline > 0), outline, whole)
        # Roboflow and others write width x height beside a polygon: no mistake either.
        above = columns.area > np.maximum(outline, whole) * AREA_TOLERANCE
        # Run lengths are not undone here: their area may be any part of the box.
        below = (columns.masks.kind != MASK_RLE) & (
            columns.area * AREA_TOLERANCE < np.minimum(outline, whole)
        )
    odd = good & ~zero & ~absent & (above | below)
    return [
        *_area_finding(
            dataset,
            "B9",
            absent,
            "without area",
            "MMDetection and COCO evaluation would stop with KeyError: 'area'.",
        ),
        *_area_finding(
            dataset,
            "B10",
            zero,
            "with a good box but an area of 0 or less",
            "MMDetection would silently drop these boxes.",
        ),
        *_odd_areas(dataset, odd),
    ]


def _area_finding(
    dataset: CocoDataset, code: str, hit: npt.NDArray[np.bool_], what: str, consequence: str
) -> list[Finding]:
    return finding_about(
        annotations_at(dataset, hit, "area"),
        code=code,
        severity="warning",
        message=f"{plural(int(hit.sum()), 'annotation')} {what}",
        consequence=consequence,
        fix=f"{REPAIRED}, where area is width x height.",
    )


def _odd_areas(dataset: CocoDataset, odd: npt.NDArray[np.bool_]) -> list[Finding]:
    return finding_about(
        annotations_at(dataset, odd, "area"),
        code="B11",
        severity="info",
        message=f"{plural(int(odd.sum()), 'annotation')} whose area is far from that of its mask, "
        "or of its box",
        consequence="Only the figures for small, medium and large objects are affected.",
        fix="Export again if these figures matter.",
    )


def _missing_crowd_flag(dataset: CocoDataset) -> list[Finding]:
    absent = dataset.annotations.iscrowd < 0
    return finding_about(
        annotations_at(dataset, absent),
        code="B12",
        severity="warning",
        message=f"{plural(int(absent.sum()), 'annotation')} without iscrowd",
        consequence="COCO evaluation would stop with KeyError: 'iscrowd'.",
        fix=f"{REPAIRED}, where iscrowd is 0.",
    )


def _crowds(dataset: CocoDataset) -> list[Finding]:
    columns = dataset.annotations
    crowd = columns.iscrowd == 1
    if not crowd.any():
        return []
    only = _classes_with_only_crowds(dataset, crowd)
    if not only and crowd.mean() <= CROWD_SHARE:
        return []
    classes = f"; every annotation of {listed(only)} is one" if only else ""
    return finding_about(
        annotations_at(dataset, crowd, "iscrowd", values=["1"] * SHOWN),
        code="B13",
        severity="error" if only else "warning",
        message=f"{share(int(crowd.sum()), len(columns))} annotations have iscrowd=1{classes}",
        consequence="MMDetection ignores them: they give no training signal"
        + (", so these classes are never learned." if only else "."),
        fix="CVAT sets iscrowd=1 on every mask: set it to 0 where one object is labeled.",
    )


def _classes_with_only_crowds(dataset: CocoDataset, crowd: npt.NDArray[np.bool_]) -> Sequence[str]:
    rows = dataset.annotations.category_row
    number = len(dataset.categories)
    every = np.bincount(rows[rows >= 0], minlength=number)
    crowds = np.bincount(rows[(rows >= 0) & crowd], minlength=number)
    return [dataset.categories[i].name for i in np.flatnonzero((every > 0) & (every == crowds))]


def _ignored(dataset: CocoDataset) -> list[Finding]:
    ignored = dataset.annotations.ignore
    return finding_about(
        annotations_at(dataset, ignored, "ignore", values=["true"] * SHOWN),
        code="F6",
        severity="warning",
        message=f"{plural(int(ignored.sum()), 'annotation')} with ignore=true",
        consequence="MMDetection skips them: they are not trained.",
        fix="Remove the flag where the object should be learned.",
    )


FILE_CHECKS = (check_attributes,)
