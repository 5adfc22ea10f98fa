"""B: boxes that are wrong, lost, or read in the wrong convention."""

from __future__ import annotations

import numpy as np

from train_teacher.coco.dataset import CocoDataset, boxes_with_derived, sizes_of_annotations
from train_teacher.coco.masks.boxes import HUGE
from train_teacher.core.arrays import Boxes, Flags, every, some
from train_teacher.core.words import plural, share
from train_teacher.inspection.box_conventions import (
    COCO,
    OUTSIDE_SHARE,
    OVERHANG,
    SAMPLE,
    Convention,
    Reading,
    convention_code,
    find_convention,
)
from train_teacher.inspection.facts import Finding, Severity
from train_teacher.inspection.finding import (
    REPAIRED,
    TOLERATED_SHARE,
    annotations_at,
    finding_about,
)
from train_teacher.inspection.inspected import InspectedFile

MIN_BOXES_FOR_CORNER = 50
MIN_BOXES = 3
CORNER_REACH = 0.55
_READ_AS = {
    Reading.CORNERS: "[x1, y1, x2 - x1, y2 - y1]",
    Reading.CENTRE: "[x - width / 2, y - height / 2, width, height]",
    Reading.Y_FIRST: "[x1, y1, x2 - x1, y2 - y1]",
    Reading.SIZE: "[x, y, width, height]",
}

_HARM = {
    "B3": "Every box would be learned at another place and size than its object.",
    "B4": "The model would learn boxes far larger than the objects.",
    "B5": "Every box would be learned half its size too far to the right and down.",
}


def check_boxes(file: InspectedFile) -> list[Finding]:
    """Return B1 to B8: boxes without size, in another convention, outside, infinite, missing."""
    if not len(file.dataset.annotations):
        return []
    boxes, derived = boxes_with_derived(file.dataset, file.sizes)
    # A sum of infinities is NaN, and no box.
    with np.errstate(invalid="ignore"):
        return _checked_boxes(file, boxes, derived)


def _checked_boxes(file: InspectedFile, boxes: Boxes, derived: Flags) -> list[Finding]:
    dataset, columns = file.dataset, file.dataset.annotations
    usable: Flags = np.asarray(every(np.abs(boxes) < HUGE))  # False for NaN too
    findings = [*_missing(dataset, derived), *_not_finite(dataset, usable)]
    here = sizes_of_annotations(dataset, file.sizes)
    placed = usable & every(np.isfinite(here))
    convention = find_convention(dataset, boxes, usable, here, columns.area)
    if convention.are_shares:
        # Every further remark on these boxes would only repeat the wrong convention.
        return [*findings, *_normalised(dataset, convention, int(usable.sum()))]
    if convention.forms != (COCO,):
        return [*findings, *_other_convention(dataset, convention, boxes, here)]
    findings += _in_a_corner(dataset, boxes, placed, here)
    findings += _without_size(dataset, boxes, usable)
    return [*findings, *_outside(dataset, boxes, placed, here)]


def _missing(dataset: CocoDataset, derived: Flags) -> list[Finding]:
    lost = ~dataset.annotations.has_bbox & ~derived
    total = len(dataset.annotations)
    return [
        *finding_about(
            annotations_at(dataset, derived),
            code="B8",
            severity="warning",
            message=f"{plural(int(derived.sum()), 'annotation')} with a mask but no bbox: "
            "the boxes are derived from the masks",
            consequence="MMDetection would stop with KeyError: 'bbox'.",
            fix=f"{REPAIRED}, where the box is the mask's bounds.",
        ),
        *finding_about(
            annotations_at(dataset, lost),
            code="B8",
            severity=_severity(dataset, lost),
            message=f"{plural(int(lost.sum()), 'annotation')} with neither a bbox nor a usable "
            "mask",
            consequence=f"{share(int(lost.sum()), total)} annotations are not trained, "
            "and their objects are learned as background.",
            fix="Add the boxes, or export again; inspect-data DATA.json --fix OUT.json removes "
            "those that hold nothing when they are few.",
        ),
    ]


def _not_finite(dataset: CocoDataset, usable: Flags) -> list[Finding]:
    bad = dataset.annotations.has_bbox & ~usable
    return finding_about(
        annotations_at(dataset, bad, "bbox"),
        code="B7",
        severity=_severity(dataset, bad),
        message=f"{plural(int(bad.sum()), 'box', 'boxes')} with NaN, infinite or huge numbers",
        consequence="Left out of training: one such box would turn the loss into NaN.",
        fix="Draw these boxes again; inspect-data DATA.json --fix OUT.json removes them.",
    )


def _severity(dataset: CocoDataset, hit: Flags) -> Severity:
    over = int(hit.sum()) > TOLERATED_SHARE * len(dataset.raw_annotations)
    return "error" if over else "warning"


def _normalised(dataset: CocoDataset, found: Convention, total: int) -> list[Finding]:
    shares = found.concerned
    reading = found.decided and found.decided.reading
    what, how = "", "; or export in pixels"
    if reading is None:
        what = ", and whether as corner and size, two corners, or center and size is unclear"
    elif reading is not Reading.SIZE:
        what, how = f" and look like {reading.value}", f" and writes {_READ_AS[reading]}{how}"
    if reading is Reading.CORNERS:
        how += ". If y comes first, as TensorFlow writes it, exchange the numbers before"
    return finding_about(
        annotations_at(dataset, shares, "bbox"),
        code="B3",
        severity="error",
        message=f"boxes look normalized: {share(int(shares.sum()), total)} lie between 0 and 1"
        f"{what}, but COCO wants x,y,width,height in pixels",
        consequence="Every one is smaller than a pixel, so MMDetection drops them all.",
        fix=f"inspect-data DATA.json --fix OUT.json multiplies by the image size{how}."
        if reading
        else "Export in pixels; --fix leaves them, because it would have to guess.",
    )


def _other_convention(
    dataset: CocoDataset, found: Convention, boxes: Boxes, here: Boxes
) -> list[Finding]:
    """Return B4 or B5: boxes as corners or around a center, many of which overhang as xywh."""
    judged, form = found.concerned, found.decided
    left = share(found.outside, int(judged.sum()))
    what = " or as ".join(form.said for form in found.forms)
    proof = found.evidence or "read like that, (nearly) none does"
    cure = "Correct the export; --fix leaves them, because it would have to guess."
    if form:
        factor = f", times the image size / {form.full}" if form.full else ""
        cure = f"inspect-data DATA.json --fix OUT.json writes {_READ_AS[form.reading]}{factor}; "
        cure += "or correct the export."
    outside = judged & some(boxes[:, :2] + boxes[:, 2:] > here + OVERHANG)
    examples = annotations_at(dataset, outside if outside.any() else judged, "bbox").examples
    code = convention_code(found.forms)
    return finding_about(
        annotations_at(dataset, judged)._replace(examples=examples),
        code=code,
        severity="error",
        message=f"boxes look like {what} instead of x,y,width,height: read as COCO, {left} "
        f"leave their image, {proof}",
        consequence=_HARM[code],
        fix=cure,
    )


def _in_a_corner(dataset: CocoDataset, boxes: Boxes, judged: Flags, here: Boxes) -> list[Finding]:
    """Return B5: boxes that fill only the upper left of their images, as from smaller copies."""
    if judged.sum() < MIN_BOXES_FOR_CORNER:
        return []
    step = max(1, len(boxes) // SAMPLE)
    if not (_reach(boxes[::step], judged[::step], here[::step]) <= CORNER_REACH).all():
        return []
    reach = _reach(boxes, judged, here)
    if not (reach <= CORNER_REACH).all():
        return []
    return finding_about(
        annotations_at(dataset, judged, "bbox"),
        code="B5",
        severity="warning",
        message=f"all boxes lie in the left {reach[0]:.0%} and upper {reach[1]:.0%} of their "
        "images, as if drawn on smaller copies",
        consequence="If so, no box fits its object.",
        fix="Check a few with --html FILE; if they are off, export with the sizes of the "
        "images you train on.",
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
        findings += finding_about(
            annotations_at(dataset, hit, "bbox"),
            code=code,
            severity=_severity(dataset, hit),
            message=f"{plural(count, 'box', 'boxes')} {what}",
            consequence=f"{share(count, total)} annotations are not trained: "
            "MMDetection drops them.",
            fix="Draw these boxes again, or remove the annotations; --fix corrects those drawn "
            "from another corner (negative sizes)."
            if some(boxes[hit, 2:] < 0).any()
            else "Draw these boxes again, or remove the annotations.",
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
        findings += finding_about(
            annotations_at(dataset, hit, "bbox"),
            code="B6",
            severity="error" if hit is fully and _are_many(hit, judged) else "warning",
            message=f"{plural(int(hit.sum()), 'box', 'boxes')} {what}",
            consequence=consequence,
            fix="Check that width and height in the JSON are those of the labeled image.",
        )
    return findings


def _are_many(hit: Flags, judged: Flags) -> bool:
    return int(hit.sum()) >= MIN_BOXES and int(hit.sum()) > OUTSIDE_SHARE * int(judged.sum())


FILE_CHECKS = (check_boxes,)
