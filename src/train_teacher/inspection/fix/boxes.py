"""Boxes in COCO's convention: corner and size in pixels of the image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from train_teacher.coco.dataset import boxes_with_derived, sizes_of_annotations
from train_teacher.coco.masks.boxes import HUGE
from train_teacher.coco.masks.columns import MASK_POLYGON, MaskColumns
from train_teacher.core.arrays import Boxes, Flags, Floats, every
from train_teacher.inspection.box_conventions import (
    COCO,
    Convention,
    Form,
    Reading,
    already_right,
    as_written_by_coco,
    convention_code,
    find_convention,
)
from train_teacher.inspection.fix.image_sizes import SettledSizes, settle_sizes
from train_teacher.inspection.fix.records import RepairInput

DECIMALS = 4
"""Of boxes and areas that are computed here; values that are kept stay as they are written."""


@dataclass(frozen=True)
class PlacedBoxes:
    """The corrected boxes of N annotations, as far as that can be decided."""

    boxes: Boxes
    """(N, 4) xywh, pixels; those that cannot be decided as they are written."""
    here: Boxes
    """(N, 2) width and height of the image in pixels, NaN where unknown."""
    new: Flags
    """(N,) boxes that are not as they are written."""
    derived: Flags
    """(N,) boxes that were taken from masks."""
    converted: Mapping[str, Flags]
    """By code: the convention that boxes were in."""
    left: Flags
    """(N,) boxes in another convention that could not be converted."""
    sure: Flags
    """(N,) boxes that surely are what they say, in an image whose size surely is right."""
    growth: Boxes
    """(N,) by which areas grow, where boxes were drawn on an image of another size."""
    mask_scale: Boxes
    """(N, 2) by which outlines are multiplied, across and down."""
    sizes: SettledSizes


def place_boxes(given: RepairInput) -> PlacedBoxes:
    """Correct sizes first, then the convention: each is judged by the boxes left inside."""
    dataset, columns = given.dataset, given.dataset.annotations
    written, derived = boxes_with_derived(dataset, given.sizes)
    boxes = np.array(written, np.float64, order="C")
    finite: Flags = np.asarray(every(np.abs(boxes) < HUGE))
    known = columns.image_row >= 0
    telling = finite & known & ~every((boxes >= 0) & (boxes <= 1))
    sizes = settle_sizes(dataset, given.sizes, given.files.facts, boxes, telling)
    here = sizes_of_annotations(dataset, sizes.sizes)
    unsettled = np.append(sizes.unsettled, True)[columns.image_row]
    judged_by = np.where(unsettled[:, None], np.nan, here)
    scale = np.append(sizes.scale, [[1.0, 1.0]], axis=0)[columns.image_row]
    boxes[telling] *= np.tile(scale[telling], 2)
    growth = np.where(telling, scale[:, 0] * scale[:, 1], 1.0)
    area = columns.area * growth
    convention = find_convention(dataset, boxes, finite, judged_by, area)
    converted, left = _convert(convention, boxes, finite, columns.has_bbox, here, unsettled, area)
    shares = converted.get("B3", np.zeros(len(columns), np.bool_))
    moved = telling & (scale != 1).any(axis=1)
    new = derived | moved
    for hit in converted.values():
        new |= hit
    boxes[new] = boxes[new].round(DECIMALS)
    undecided = convention.decided is None
    return PlacedBoxes(
        boxes=boxes,
        here=here,
        new=new,
        derived=derived,
        converted=converted,
        left=left,
        sure=finite & every(np.isfinite(judged_by)) & ~left & (not undecided),
        growth=growth,
        mask_scale=_mask_scale(columns.masks, shares, here, scale),
        sizes=sizes,
    )


def _convert(
    convention: Convention,
    boxes: Boxes,
    finite: Flags,
    has_bbox: Flags,
    here: Boxes,
    unsettled: Flags,
    area: Floats,
) -> tuple[dict[str, Flags], Flags]:
    """Convert boxes in another convention to xywh in pixels; return which, and the rest."""
    nothing = np.zeros(len(boxes), np.bool_)
    form = convention.decided
    if form == COCO:
        return {}, nothing
    if form is None:
        return {}, convention.concerned
    shares = convention.concerned if convention.are_shares else finite & has_bbox
    # With some sizes unknown a file half in pixels would hide what the rest of it is.
    known = ~unsettled & every(np.isfinite(here))
    if form.full and not known[shares].all():
        return {}, shares
    # Boxes that were taken from masks are right already, but for their unit.
    if not convention.are_shares:
        shares = shares & ~already_right(boxes, form, here, area)
    own = shares & has_bbox
    boxes[own] = as_written_by_coco(boxes[own], form, here[own])
    rest = shares & ~has_bbox
    boxes[rest] = as_written_by_coco(boxes[rest], Form(Reading.SIZE, form.full), here[rest])
    return {convention_code((form,)): shares}, nothing


def _mask_scale(masks: MaskColumns, shares: Flags, here: Boxes, scale: Boxes) -> Boxes:
    far = masks.bounds[:, :2] + masks.bounds[:, 2:]
    polygon = masks.kind == MASK_POLYGON
    as_shares = polygon & shares & every(masks.bounds[:, :2] >= 0) & every(far <= 1)
    return np.where(as_shares[:, None], here, np.where(polygon[:, None], scale, 1.0))
