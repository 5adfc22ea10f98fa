"""B: boxes that are wrong, lost, or read in the wrong convention."""

from __future__ import annotations

import msgspec
import numpy as np
import numpy.typing as npt

from train_teacher.domain.checks.reporting import (
    REPAIRED,
    annotation_examples,
    annotation_finding,
    plural,
    share,
)
from train_teacher.domain.checks.rowwise import every, some
from train_teacher.domain.coco import (
    CocoDataset,
    boxes_with_derived,
    image_sizes,
    sizes_of_annotations,
)
from train_teacher.domain.dataset_info import Finding

Rows = npt.NDArray[np.int64]
Boxes = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

TOLERATED_SHARE = 0.05
OVERHANG = 2.0
"""Pixels a box may stick out without a word: rounding and tools that count edges."""
HUGE = 1e6
CONVENTION_SHARE = 0.95
OUTSIDE_SHARE = 0.1
MIN_BOXES_FOR_CONVENTION = 3
MIN_BOXES_FOR_CORNER = 50
CORNER_REACH = 0.55
SAMPLE = 20_000
"""Boxes that are looked at first, to spare a look at a million."""


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
    usable: Flags = np.asarray(every(np.abs(boxes) < HUGE))  # False for NaN too
    findings = [*_missing(dataset, derived), *_not_finite(dataset, usable)]
    here = sizes_of_annotations(dataset, sizes)
    placed = usable & every(np.isfinite(here))
    convention = _normalised(dataset, boxes, usable) or _other_convention(
        dataset, boxes, placed, here
    )
    if convention:
        # Every further remark on these boxes would only repeat the wrong convention.
        return [*findings, *convention]
    findings += _in_a_corner(dataset, boxes, placed, here)
    findings += _without_size(dataset, boxes, usable)
    return [*findings, *_outside(dataset, boxes, placed, here)]


def _missing(dataset: CocoDataset, derived: Flags) -> list[Finding]:
    lost = ~dataset.annotations.has_bbox & ~derived
    total = len(dataset.annotations)
    return [
        *annotation_finding(
            dataset,
            derived,
            code="B8",
            severity="warning",
            message=f"{plural(int(derived.sum()), 'annotation')} with polygons but no bbox: "
            "the boxes are derived from the polygons",
            consequence="MMDetection would stop with KeyError: 'bbox'.",
            fix=f"{REPAIRED}, where the box is the polygon's bounds.",
        ),
        *annotation_finding(
            dataset,
            lost,
            code="B8",
            severity="error",
            message=f"{plural(int(lost.sum()), 'annotation')} with neither a bbox nor a polygon",
            consequence=f"{share(int(lost.sum()), total)} annotations are not trained, "
            "and their objects are learned as background.",
            fix="Add the boxes (for RLE masks: pycocotools.mask.toBbox), or export again.",
        ),
    ]


def _not_finite(dataset: CocoDataset, usable: Flags) -> list[Finding]:
    bad = dataset.annotations.has_bbox & ~usable
    return annotation_finding(
        dataset,
        bad,
        code="B7",
        severity="error",
        message=f"{plural(int(bad.sum()), 'box', 'boxes')} with NaN, infinite or huge numbers",
        consequence="One such box turns the loss into NaN and ruins the whole run.",
        fix="Correct or remove these annotations.",
        key="bbox",
    )


def _normalised(dataset: CocoDataset, boxes: Boxes, usable: Flags) -> list[Finding]:
    total = int(usable.sum())
    small = usable & every(boxes >= 0) & every(boxes <= 1)
    count = int(small.sum())
    if count < MIN_BOXES_FOR_CONVENTION or count < CONVENTION_SHARE * total:
        return []
    return annotation_finding(
        dataset,
        small,
        code="B3",
        severity="error",
        message=f"boxes look normalised: {share(count, total)} lie between 0 and 1, "
        "but COCO wants pixels",
        consequence="Every one is smaller than a pixel, so MMDetection drops them all.",
        fix="inspect-data DATA.json --fix OUT.json multiplies by the image size; "
        "or export in pixels.",
        key="bbox",
    )


def _other_convention(
    dataset: CocoDataset, boxes: Boxes, judged: Flags, here: Boxes
) -> list[Finding]:
    """Boxes as x1, y1, x2, y2 or around a centre: many overhang as xywh, and none does as that."""
    total = int(judged.sum())
    if total < MIN_BOXES_FOR_CONVENTION:
        return []
    if not _often_outside(boxes, here):
        return []
    b, s = boxes[judged], here[judged]
    outside = some(b[:, :2] + b[:, 2:] > s + OVERHANG)
    if outside.mean() <= OUTSIDE_SHARE or outside.sum() < MIN_BOXES_FOR_CONVENTION:
        return []
    rows = np.flatnonzero(judged)[outside]
    left = share(len(rows), total)
    ordered = every(b[:, 2:] > b[:, :2])
    as_corners = ordered & every(b[:, 2:] <= s + OVERHANG)
    if as_corners.mean() >= CONVENTION_SHARE:
        return _corners(dataset, judged, rows, left, int((~as_corners).sum()))
    half = b[:, 2:] / 2
    as_centre = every(b[:, :2] - half >= -OVERHANG)
    as_centre &= every(b[:, :2] + half <= s + OVERHANG)
    if as_centre.mean() >= CONVENTION_SHARE:
        return _centres(dataset, judged, left, int((~as_centre).sum()))
    return []


def _often_outside(boxes: Boxes, here: Boxes) -> bool:
    """Return whether a sample leaves its images often enough to look at all boxes."""
    step = max(1, len(boxes) // SAMPLE)
    some_boxes = boxes[::step]
    outside = some(some_boxes[:, :2] + some_boxes[:, 2:] > here[::step] + OVERHANG)
    return bool(outside.mean() > OUTSIDE_SHARE / 2)


def _corners(
    dataset: CocoDataset, judged: Flags, rows: npt.NDArray[np.int64], left: str, wrong: int
) -> list[Finding]:
    found = annotation_finding(
        dataset,
        judged,
        code="B4",
        severity="error",
        message="boxes look like x1,y1,x2,y2 instead of x,y,width,height: read as COCO, "
        f"{left} leave their image, read as corners {wrong} do",
        consequence="The model would learn boxes far larger than the objects.",
        fix="inspect-data DATA.json --fix OUT.json writes [x1, y1, x2 - x1, y2 - y1]; "
        "or correct the export.",
        key="bbox",
    )
    examples = annotation_examples(dataset, rows, "bbox")
    return [msgspec.structs.replace(finding, examples=examples) for finding in found]


def _centres(dataset: CocoDataset, judged: Flags, left: str, wrong: int) -> list[Finding]:
    return annotation_finding(
        dataset,
        judged,
        code="B5",
        severity="warning",
        message="boxes look like centre x,y,width,height instead of corner x,y,width,height: read "
        f"as COCO, {left} leave their image, read as centres {wrong} do",
        consequence="Every box would be learned half its size too far to the right and down.",
        fix="Write [x - width / 2, y - height / 2, width, height], or correct the export.",
        key="bbox",
    )


def _in_a_corner(dataset: CocoDataset, boxes: Boxes, judged: Flags, here: Boxes) -> list[Finding]:
    """Boxes drawn on smaller copies of the pictures fill only the upper left of each."""
    if judged.sum() < MIN_BOXES_FOR_CORNER:
        return []
    step = max(1, len(boxes) // SAMPLE)
    if not (_reach(boxes[::step], judged[::step], here[::step]) <= CORNER_REACH).all():
        return []
    reach = _reach(boxes, judged, here)
    if not (reach <= CORNER_REACH).all():
        return []
    return annotation_finding(
        dataset,
        judged,
        code="B5",
        severity="warning",
        message=f"all boxes lie in the left {reach[0]:.0%} and upper {reach[1]:.0%} of their "
        "images, as if drawn on smaller copies",
        consequence="If so, no box fits its object.",
        fix="Look at a few with --html FILE; if they are off, export with the sizes of the "
        "pictures you train on.",
        key="bbox",
    )


def _reach(boxes: Boxes, judged: Flags, here: Boxes) -> Boxes:
    """Return which share of the width and the height of their images boxes reach at most."""
    with np.errstate(invalid="ignore"):
        far = (boxes[:, :2] + boxes[:, 2:]) / here
        return np.asarray(np.max(far, axis=0, where=judged[:, None], initial=0), np.float64)


def _without_size(dataset: CocoDataset, boxes: Boxes, usable: Flags) -> list[Finding]:
    flat = usable & some(boxes[:, 2:] <= 0)
    thin = usable & ~flat & some(boxes[:, 2:] < 1)
    kinds = (
        ("B1", flat, "with zero or negative width or height"),
        ("B2", thin, "narrower or lower than one pixel"),
    )
    total = len(dataset.annotations)
    findings = []
    for code, hit, what in kinds:
        count = int(hit.sum())
        findings += annotation_finding(
            dataset,
            hit,
            code=code,
            severity="error" if count > TOLERATED_SHARE * total else "warning",
            message=f"{plural(count, 'box', 'boxes')} {what}",
            consequence=f"{share(count, total)} annotations are not trained: "
            "MMDetection drops them.",
            fix="Draw these boxes again, or remove the annotations.",
            key="bbox",
        )
    return findings


def _outside(dataset: CocoDataset, boxes: Boxes, judged: Flags, here: Boxes) -> list[Finding]:
    judged = judged & every(boxes[:, 2:] > 0)
    far = boxes[:, :2] + boxes[:, 2:]
    fully = judged & some((far <= 0) | (boxes[:, :2] >= here))
    partly = judged & ~fully & some((far > here + OVERHANG) | (boxes[:, :2] < -OVERHANG))
    kinds = (
        (fully, "outside the image", "MMDetection drops them: they are not trained."),
        (partly, "partly outside the image", "The part outside is cut off during training."),
    )
    findings = []
    for hit, what, consequence in kinds:
        findings += annotation_finding(
            dataset,
            hit,
            code="B6",
            severity="warning",
            message=f"{plural(int(hit.sum()), 'box', 'boxes')} {what}",
            consequence=consequence,
            fix="Check that width and height in the JSON are those of the labelled picture.",
            key="bbox",
        )
    return findings
