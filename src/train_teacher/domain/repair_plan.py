"""What `inspect-data --fix` decides on annotations, for all of them at once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np
import numpy.typing as npt

from train_teacher.domain.checks.box_checks import HUGE, OVERHANG
from train_teacher.domain.checks.categories import dummy_categories
from train_teacher.domain.checks.rowwise import every, some
from train_teacher.domain.coco import (
    MASK_BROKEN,
    MASK_FLAT,
    MASK_NESTED,
    MASK_NO_EXTENT,
    MASK_NONE,
    MASK_POLYGON,
    MASK_RLE,
    AnnotationColumns,
    CocoDataset,
    RecordId,
    plain_id,
    raw_annotation,
    sizes_of_annotations,
)
from train_teacher.domain.repair import RepairInput

Boxes = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Rows = npt.NDArray[np.int64]

DECIMALS = 4
"""Of boxes and areas that are computed here; values that are kept stay as they are written."""


@dataclass(frozen=True)
class RepairPlan:
    """What happens to N annotations."""

    boxes: Boxes
    """(N, 4) xywh, pixels."""
    area: npt.NDArray[np.float64]
    """(N,) square pixels."""
    new_box: Flags
    new_area: Flags
    scaled_masks: Flags
    """(N,) polygons written as shares of the image size."""
    removed: Mapping[str, Flags]
    """By code; the first one that holds is the reason."""
    changed: Mapping[str, Flags]
    category_row: Rows
    """(N,) row of `CocoDataset.categories`, -1 where it is unknown."""
    renumber: bool

    @property
    def gone(self) -> Flags:
        """(N,) True for annotations that are removed."""
        return any_of(self.removed.values())


def plan_repair(given: RepairInput) -> RepairPlan:
    """Decide what is changed and removed; exact copies are left to `exact_copies`."""
    columns = given.dataset.annotations
    here = sizes_of_annotations(given.dataset, given.sizes)
    known = every(np.isfinite(here))
    boxes, derived = _boxes_with_masks(given, here)
    finite = every(np.abs(boxes) < HUGE)
    shares = _convert(given.codes, boxes, finite, columns.has_bbox, here)
    changed = {"B8": derived, **{code: hit for code, hit in shares.items() if code != "left"}}
    new_box = any_of(changed.values())
    boxes[new_box] = boxes[new_box].round(DECIMALS)
    flat = finite & some(boxes[:, 2:] <= 0)
    outside, over = _clip(boxes, here, finite & known & ~flat, columns.iscrowd != 1)
    changed["B6"] = over
    changed |= _members_to_write(columns)
    rows, changed["R6"] = _category_rows(given.dataset)
    numbering = _numbering(given.dataset)
    scaled = _scaled_masks(given, changed.get("B3"))
    area, new_area = _areas(given, boxes, changed, scaled, here)
    return RepairPlan(
        boxes=boxes,
        area=area,
        new_box=new_box | over,
        new_area=new_area,
        scaled_masks=scaled,
        removed={
            "R5": columns.image_row < 0,
            "B7": columns.has_bbox & ~finite,
            "B8": ~columns.has_bbox & ~derived,
            "B1": flat,
            "B6": outside,
            # A share of the size of an unknown picture is no thin box: it cannot be judged.
            "B2": finite & some(boxes[:, 2:] < 1) & ~shares.get("left", np.False_),
        },
        changed={**changed, **numbering},
        category_row=rows,
        renumber=any(bool(hit.any()) for hit in numbering.values()),
    )


def _members_to_write(columns: AnnotationColumns) -> dict[str, Flags]:
    masks = columns.masks
    lists = masks.kind != MASK_RLE
    return {
        "M1": (masks.flags & MASK_BROKEN != 0) & lists,
        "M2": (masks.flags & (MASK_FLAT | MASK_NESTED) != 0) & lists,
        "B9": ~np.isfinite(columns.area),
        "B10": np.isfinite(columns.area) & (columns.area <= 0),
        "B12": columns.iscrowd < 0,
    }


def any_of(flags: Iterable[Flags]) -> Flags:
    """Return (N,) whether any of several (N,) flags is True."""
    return reduce(np.logical_or, flags)


def kept_usage(given: RepairInput, plan: RepairPlan) -> CocoDataset:
    """Return the data set with the categories as the annotations that are kept use them."""
    rows = np.where(plan.gone, -1, plan.category_row)
    columns = replace(given.dataset.annotations, category_row=rows)
    return replace(given.dataset, annotations=columns)


def exact_copies(
    given: RepairInput,
    plan: RepairPlan,
    image_ids: Mapping[int, RecordId],
    category_ids: Mapping[int, RecordId],
) -> Flags:
    """Return (N,) which annotations repeat an earlier one: same image, class and box.

    Args:
        given: the input.
        plan: the rest of what happens.
        image_ids: new `image_id` by image row: two images may become one.
        category_ids: new `category_id` by category row.
    """
    columns = given.dataset.annotations
    copies = np.zeros(len(columns), np.bool_)
    rows = np.flatnonzero(~plan.gone & (columns.iscrowd != 1))
    if len(rows) < 2:  # noqa: PLR2004 - one cannot repeat another
        return copies
    images = _first_rows(image_ids, len(given.dataset.images))[columns.image_row[rows]]
    category_row = plan.category_row[rows]
    classes = np.append(_first_rows(category_ids, len(given.dataset.categories)), -1)[category_row]
    unknown = np.flatnonzero(category_row < 0)
    # Undefined classes differ from each other too.
    number: dict[RecordId | None, int] = {}
    for position in unknown.tolist():
        id_ = plain_id(columns.category_ids[int(rows[position])])
        classes[position] = -2 - number.setdefault(id_, len(number))
    keys = np.column_stack([images, classes, plan.boxes[rows]])
    order = np.lexsort(keys.T[::-1])
    same = np.zeros(len(rows), np.bool_)
    same[1:] = every(keys[order][1:] == keys[order][:-1])
    copies[rows[order[same]]] = True
    return copies


def _first_rows(ids: Mapping[int, RecordId], count: int) -> Rows:
    """Return (count,) the first row with the same new id; a row without one stands for itself."""
    first: dict[RecordId, int] = {}
    return np.array(
        [first.setdefault(ids[row], row) if row in ids else row for row in range(count)], np.int64
    )


def _boxes_with_masks(given: RepairInput, here: Boxes) -> tuple[Boxes, Flags]:
    """Return the boxes, those of masks where `bbox` is missing, and which these are."""
    columns = given.dataset.annotations
    masks = columns.masks
    boxes = np.array(columns.bbox, np.float64, order="C")
    derived = ~columns.has_bbox & every(np.abs(masks.bounds) < HUGE)
    boxes[derived] = masks.bounds[derived]
    # Run lengths that do not fill their picture tell no box, and may crash pycocotools.
    sound = (masks.kind == MASK_RLE) & (masks.flags & MASK_BROKEN == 0)
    fits = every((masks.rle_size[:, ::-1] == here) | np.isnan(here))
    for position in np.flatnonzero(~columns.has_bbox & sound & fits).tolist():
        box = given.mask_box(raw_annotation(given.dataset, position).get("segmentation"))
        if box is not None:
            boxes[position] = box
            derived[position] = True
    return boxes, derived


def _convert(
    codes: Collection[str], boxes: Boxes, finite: Flags, has_bbox: Flags, here: Boxes
) -> dict[str, Flags]:
    """Turn boxes in another convention into xywh in pixels; `left` are those that cannot be."""
    if "B3" in codes:
        share = finite & every(boxes >= 0) & every(boxes <= 1)
        # With some sizes unknown a file half in pixels would hide what the rest of it is.
        if not np.isfinite(here[share]).all():
            return {"left": share}
        boxes[share] *= np.tile(here[share], 2)
        return {"B3": share}
    if "B4" in codes:
        # Boxes that were taken from masks are right already.
        corners = finite & has_bbox
        boxes[corners, 2:] -= boxes[corners, :2]
        return {"B4": corners}
    return {}


def _clip(boxes: Boxes, here: Boxes, judged: Flags, cuttable: Flags) -> tuple[Flags, Flags]:
    """Cut boxes at the edge; return which lie entirely outside and which were cut."""
    corner, far = boxes[:, :2], boxes[:, :2] + boxes[:, 2:]
    outside = judged & (some(far <= 0) | some(corner >= here))
    clipped = np.column_stack([np.clip(corner, 0, here), np.clip(far, 0, here)])
    clipped[:, 2:] -= clipped[:, :2]
    sticks_out = some(far > here + OVERHANG) | some(corner < -OVERHANG)
    over = judged & ~outside & cuttable & sticks_out
    boxes[over] = clipped[over].round(DECIMALS)
    return outside, over


def _category_rows(dataset: CocoDataset) -> tuple[Rows, Flags]:
    """Return the category of each annotation, and which had to be moved by one to have it."""
    columns = dataset.annotations
    nothing = np.zeros(len(columns), np.bool_)
    ids = columns.category_ids
    unknown = columns.category_row < 0
    whole = [c.id for c in dataset.categories if isinstance(c.id, int)]
    if not unknown.any() or not isinstance(ids, np.ndarray) or not whole:
        return columns.category_row, nothing
    row_of = {category.id: row for row, category in enumerate(dataset.categories)}
    low, high = min(whole), max(whole)
    found, used = set(ids[unknown].tolist()), set(ids.tolist())
    roots = {category.id for category in dummy_categories(dataset)}
    # Only a block that starts one beyond the list, and leaves the other end unused, tells its
    # mistake; an unused exporter's root at the lower end is no sign of one.
    if found == {low - 1} and high not in used:
        step = 1
    elif found == {high + 1} and low not in used | roots:
        step = -1
    else:
        return columns.category_row, nothing
    moved = np.array([row_of.get(id_ + step, -1) for id_ in ids.tolist()], np.int64)
    if (moved < 0).any():
        return columns.category_row, nothing
    return moved, np.ones(len(columns), np.bool_)


def _numbering(dataset: CocoDataset) -> dict[str, Flags]:
    """Return which ids make new numbers necessary: repeated or missing, 0, text."""
    ids = dataset.annotations.ids
    if isinstance(ids, np.ndarray):
        order = np.argsort(ids, kind="stable")
        repeated = np.zeros(len(ids), np.bool_)
        repeated[order[1:]] = ids[order][1:] == ids[order][:-1]
        return {"R2": repeated, "R3": np.asarray(ids == 0), "F7": np.zeros(len(ids), np.bool_)}
    seen: set[RecordId | None] = {None}
    repeated = np.zeros(len(ids), np.bool_)
    for position, id_ in enumerate(map(plain_id, ids)):
        repeated[position] = id_ in seen
        seen.add(id_)
    return {
        "R2": repeated,
        "R3": np.array([id_ == 0 for id_ in ids], np.bool_),
        "F7": np.array([isinstance(id_, str) for id_ in ids], np.bool_),
    }


def _scaled_masks(given: RepairInput, converted: Flags | None) -> Flags:
    masks = given.dataset.annotations.masks
    if converted is None:
        return np.zeros(len(masks.kind), np.bool_)
    far = masks.bounds[:, :2] + masks.bounds[:, 2:]
    shares = every(masks.bounds[:, :2] >= 0) & every(far <= 1)
    return np.asarray(converted & shares & (masks.kind == MASK_POLYGON), np.bool_)


def _areas(
    given: RepairInput, boxes: Boxes, changed: Mapping[str, Flags], scaled: Flags, here: Boxes
) -> tuple[npt.NDArray[np.float64], Flags]:
    """Return the areas, and which of them are new."""
    columns = given.dataset.annotations
    outline = columns.masks.area.astype(np.float64)
    outline[scaled] *= here[scaled, 0] * here[scaled, 1]
    masked = np.isfinite(outline) & (columns.masks.flags & MASK_NO_EXTENT == 0)
    masked |= scaled & (outline > 1)
    no_mask = columns.masks.kind == MASK_NONE
    anew = changed["B9"] | changed["B10"] | (changed["B6"] & no_mask) | scaled
    for code in ("B3", "B4"):
        if code in changed:
            anew |= changed[code] & ~masked
    with np.errstate(invalid="ignore", over="ignore"):
        own = np.where(masked, outline, boxes[:, 2] * boxes[:, 3]).round(DECIMALS)
    return np.where(anew, own, columns.area), anew
