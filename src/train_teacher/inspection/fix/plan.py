"""Decisions of `inspect-data --fix` about annotations, for all of them at once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np
import numpy.typing as npt

from train_teacher.coco.dataset import (
    CocoDataset,
    IdColumn,
    RecordId,
    plain_id,
    raw_annotation,
)
from train_teacher.coco.masks.boxes import HUGE
from train_teacher.coco.masks.columns import (
    MASK_BROKEN,
    MASK_FLAT,
    MASK_NESTED,
    MASK_NO_EXTENT,
    MASK_NONE,
    MASK_OTHER_FORM,
    MASK_RLE,
)
from train_teacher.coco.masks.forms import is_in_unknown_form
from train_teacher.core.arrays import Boxes, Flags, Rows, every, some
from train_teacher.inspection.box_conventions import OUTSIDE_SHARE, OVERHANG
from train_teacher.inspection.finding import TOLERATED_SHARE
from train_teacher.inspection.fix.boxes import DECIMALS, PlacedBoxes, place_boxes
from train_teacher.inspection.fix.image_sizes import SettledSizes
from train_teacher.inspection.fix.records import RepairInput
from train_teacher.inspection.likely_ids import moved_category_rows

_NOTHING = frozenset({"", "[]", "{}", "null", '""'})
MIN_BOXES = 3
"""Outside their image, from which on something else is wrong than these boxes."""


@dataclass(frozen=True)
class RepairPlan:
    """Changes to N annotations."""

    boxes: Boxes
    """(N, 4) xywh, pixels."""
    area: npt.NDArray[np.float64]
    """(N,) square pixels."""
    new_box: Flags
    new_area: Flags
    mask_scale: Boxes
    """(N, 2) by which outlines are multiplied, across and down: those written as shares of the
    image size, and those drawn on an image of another size."""
    sizes: SettledSizes
    stays: Flags
    """Annotations of which the place or the image could not be read; only the user can tell."""
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


def plan_repair(given: RepairInput, unread_images: Collection[RecordId | None]) -> RepairPlan:
    """Decide what is changed and removed; exact copies are left to `exact_copies`.

    Args:
        given: the input.
        unread_images: ids of the entries of `images` that could not be read.
    """
    # A sum of infinities is NaN, and no box.
    with np.errstate(invalid="ignore"):
        return _planned(given, unread_images)


def _planned(given: RepairInput, unread_images: Collection[RecordId | None]) -> RepairPlan:
    dataset, columns = given.dataset, given.dataset.annotations
    placed = place_boxes(given)
    boxes = placed.boxes
    finite = every(np.abs(boxes) < HUGE)
    turned = _turn(boxes, placed.here, finite & ~placed.left & columns.has_bbox)
    flat = finite & some(boxes[:, 2:] <= 0)
    judged = placed.sure & ~flat
    cuttable = columns.iscrowd != 1
    outside, over = _clip(boxes, placed.here, judged, _distinct(dataset, boxes), cuttable)
    unplaced = ~columns.has_bbox & ~placed.derived & _with_extent(dataset)
    unlisted = columns.image_row < 0
    nowhere = unlisted & _among(columns.image_ids, unread_images)
    written = {"B8": placed.derived, "B1": turned, "B6": over, **_members_to_write(dataset)}
    # An area of what is not understood would make it look right.
    written |= {code: written[code] & ~placed.left for code in ("B9", "B10")}
    changed = {
        **placed.converted,
        **{code: hit & ~unplaced for code, hit in written.items()},
    }
    rows = moved_category_rows(dataset)
    changed["R6"] = np.full(len(columns), rows is not None)
    numbering = _numbering(dataset)
    area, new_area = _areas(given, placed, changed)
    return RepairPlan(
        boxes=boxes,
        area=area,
        new_box=placed.new | turned | over,
        new_area=new_area,
        mask_scale=placed.mask_scale,
        sizes=placed.sizes,
        stays=unplaced | nowhere,
        removed={
            "R5": unlisted & ~nowhere,
            "B7": columns.has_bbox & ~finite,
            "B8": ~columns.has_bbox & ~placed.derived & ~unplaced,
            "B1": flat & ~placed.left,
            "B6": outside,
            # A share of the size of an unknown image is no thin box: it cannot be judged.
            "B2": finite & some(boxes[:, 2:] < 1) & ~placed.left,
        },
        changed={**changed, **numbering},
        category_row=columns.category_row if rows is None else rows,
        renumber=any(bool(hit.any()) for hit in numbering.values()),
    )


def _with_extent(dataset: CocoDataset) -> Flags:
    """Return (N,) whether annotations have a box or a mask, readable or not."""
    said = [p.index for p in dataset.problems if p.member == "bbox" and p.value not in _NOTHING]
    masks = dataset.annotations.masks
    unread = np.isin(dataset.annotations.index, said)
    return np.asarray(unread | (masks.kind != MASK_NONE) | (masks.flags & MASK_BROKEN != 0))


def _among(ids: IdColumn, some_ids: Collection[RecordId | None]) -> Flags:
    if not some_ids:
        return np.zeros(len(ids), np.bool_)
    return np.array([plain_id(id_) in some_ids for id_ in ids], np.bool_)


def _members_to_write(dataset: CocoDataset) -> dict[str, Flags]:
    columns = dataset.annotations
    masks = columns.masks
    lists = masks.kind != MASK_RLE
    broken = (masks.flags & MASK_BROKEN != 0) & lists
    for position in np.flatnonzero(broken & (masks.polygons == 0)).tolist():
        mask = raw_annotation(dataset, position).get("segmentation")
        broken[position] = not is_in_unknown_form(mask)
    return {
        "M1": broken,
        "M2": (masks.flags & (MASK_FLAT | MASK_NESTED) != 0) & lists
        | (masks.flags & MASK_OTHER_FORM != 0),
        "B9": ~np.isfinite(columns.area),
        "B10": np.isfinite(columns.area) & (columns.area <= 0),
        "B12": columns.iscrowd < 0,
    }


def any_of(flags: Iterable[Flags]) -> Flags:
    """Return (N,) whether any of several (N,) flags is True."""
    return reduce(np.logical_or, flags)


def reason_of(removed: Mapping[str, Flags]) -> Rows:
    """Return (N,) the place of the first code for which each annotation is removed, -1 for none."""
    reason = np.full(len(next(iter(removed.values()))), -1)
    for place, hit in reversed(list(enumerate(removed.values()))):
        reason[hit] = place
    return reason


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
        plan: the other changes.
        image_ids: new `image_id` by image row: two images may become one.
        category_ids: new `category_id` by category row.
    """
    columns = given.dataset.annotations
    copies = np.zeros(len(columns), np.bool_)
    # Unlisted images may differ from each other.
    rows = np.flatnonzero(~plan.gone & (columns.iscrowd != 1) & (columns.image_row >= 0))
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


def _distinct(dataset: CocoDataset, boxes: Boxes) -> Rows:
    """Return the first row of each object: its copies are removed, and must not decide with it."""
    columns = dataset.annotations
    keys = np.column_stack([columns.image_row, columns.category_row, columns.iscrowd == 1, boxes])
    order = np.lexsort(keys.T[::-1])
    first = np.ones(len(order), np.bool_)
    first[1:] = some(keys[order][1:] != keys[order][:-1])
    return order[first]


def _clip(
    boxes: Boxes, here: Boxes, judged: Flags, distinct: Rows, cuttable: Flags
) -> tuple[Flags, Flags]:
    """Cut boxes at the edge; return which lie entirely outside and which were cut.

    Many of them say that sizes or boxes are wrong as a whole: then nothing is touched.
    """
    corner, far = boxes[:, :2], boxes[:, :2] + boxes[:, 2:]
    outside = judged & (some(far <= 0) | some(corner >= here))
    sticks_out = some(far > here + OVERHANG) | some(corner < -OVERHANG)
    over = judged & ~outside & sticks_out
    total = int(judged[distinct].sum())
    if _many(outside[distinct], TOLERATED_SHARE * total) or _many(
        (outside | over)[distinct], OUTSIDE_SHARE * total
    ):
        return np.zeros_like(judged), np.zeros_like(judged)
    over &= cuttable
    clipped = np.column_stack([np.clip(corner, 0, here), np.clip(far, 0, here)])
    clipped[:, 2:] -= clipped[:, :2]
    boxes[over] = clipped[over].round(DECIMALS)
    return outside, over


def _many(hit: Flags, tolerated: float) -> bool:
    return int(hit.sum()) >= MIN_BOXES and int(hit.sum()) > tolerated


def _turn(boxes: Boxes, here: Boxes, judged: Flags) -> Flags:
    """Correct boxes drawn from another corner than the upper left; return which.

    Their sizes are negative, and what they span lies in the image.
    """
    corner, size = boxes[:, :2], boxes[:, 2:]
    low, high = np.minimum(corner, corner + size), np.maximum(corner, corner + size)
    turned = judged & some(size < 0) & every(size != 0)
    turned &= every(low >= -OVERHANG) & every(high <= here + OVERHANG)
    boxes[turned] = np.hstack([low, high - low])[turned]
    return turned


def _numbering(dataset: CocoDataset) -> dict[str, Flags]:
    """Return the ids that make renumbering necessary: repeated or missing, 0, text."""
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


def _areas(
    given: RepairInput, placed: PlacedBoxes, changed: Mapping[str, Flags]
) -> tuple[npt.NDArray[np.float64], Flags]:
    """Return the areas, and which of them are new."""
    columns = given.dataset.annotations
    enlarged = placed.mask_scale[:, 0] * placed.mask_scale[:, 1]
    with np.errstate(invalid="ignore", over="ignore"):
        outline = columns.masks.area * enlarged
    masked = np.isfinite(outline) & (columns.masks.flags & MASK_NO_EXTENT == 0)
    masked |= (enlarged != 1) & (outline > 1)
    no_mask = columns.masks.kind == MASK_NONE
    anew = changed["B9"] | changed["B10"] | (changed["B6"] & no_mask)
    for code in ("B3", "B4"):
        if code in changed:
            anew |= changed[code] & ~masked
    anew |= changed.get("B3", np.False_) & (enlarged != 1)
    with np.errstate(invalid="ignore", over="ignore"):
        own = np.where(masked, outline, placed.boxes[:, 2] * placed.boxes[:, 3]).round(DECIMALS)
        moved = (columns.area * placed.growth).round(DECIMALS)
    grown = placed.growth != 1
    return np.where(anew, own, np.where(grown, moved, columns.area)), anew | grown
