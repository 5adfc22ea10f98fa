"""What `inspect-data --fix` does to annotations: decided for all at once, written one by one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from train_teacher.domain.checks.box_checks import HUGE, OVERHANG
from train_teacher.domain.checks.rowwise import every, some
from train_teacher.domain.coco import (
    MASK_BROKEN,
    MASK_FLAT,
    MASK_NESTED,
    MASK_RLE,
    RecordId,
    plain_id,
    raw_annotation,
    sizes_of_annotations,
)
from train_teacher.domain.repair import ChangeLog, Record, RepairInput

Boxes = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

LEAST_NUMBERS = 6


@dataclass(frozen=True)
class _Plan:
    """What happens to N annotations, decided for all at once."""

    boxes: Boxes
    removed: Mapping[str, Flags]
    changed: Mapping[str, Flags]
    area: npt.NDArray[np.float64]
    category_row: npt.NDArray[np.int64]
    renumber: bool


def repaired_annotations(
    given: RepairInput,
    image_ids: Mapping[int, RecordId],
    category_ids: Mapping[int, RecordId],
    log: ChangeLog,
) -> Iterator[Record]:
    """Yield the annotations that are kept, repaired.

    Args:
        given: the input.
        image_ids: new `image_id` by image row.
        category_ids: new `category_id` by category row.
        log: grows.
    """
    columns = given.dataset.annotations
    plan = _plan(given)
    repaired = {p.index for p in given.dataset.problems if p.section == "annotations"}
    number = 0
    for position in range(len(columns)):
        id_ = plain_id(columns.ids[position])
        reason = next((code for code, hit in plan.removed.items() if hit[position]), None)
        if reason:
            log.note(reason, id_)
            continue
        number += 1
        record = dict(raw_annotation(given.dataset, position))
        for code, hit in plan.changed.items():
            if hit[position]:
                log.note(code, id_)
        if int(columns.index[position]) in repaired:
            log.note("F5", id_)
        _write(record, plan, columns, position)
        _refer(record, "image_id", image_ids.get(int(columns.image_row[position])), id_, log)
        category = category_ids.get(int(plan.category_row[position]))
        _refer(record, "category_id", category, id_, log)
        if plan.renumber:
            record["id"] = number
        yield record
    for _ in range(len(given.dataset.raw_annotations) - len(columns)):
        log.note("F5", None)


def _refer(
    record: Record, key: str, target: RecordId | None, id_: RecordId | None, log: ChangeLog
) -> None:
    """Point to the id that is kept; what cannot be decided stays as it is."""
    if target is None or record.get(key) == target:
        return
    if str(record.get(key)) == str(target):
        log.note("F7", id_)
    record[key] = target


def _write(record: Record, plan: _Plan, columns: Any, position: int) -> None:
    box = [_tidy(value) for value in plan.boxes[position].tolist()]
    if record.get("bbox") != box:
        record["bbox"] = box
    area = _tidy(float(plan.area[position]))
    if record.get("area") != area:
        record["area"] = area
    record["iscrowd"] = max(0, int(columns.iscrowd[position]))
    bent = columns.masks.flags[position] & (MASK_BROKEN | MASK_FLAT | MASK_NESTED)
    if bent and columns.masks.kind[position] != MASK_RLE:
        record["segmentation"] = _polygons(record.get("segmentation"))


def _tidy(value: float) -> float | int:
    rounded = round(value, 4)
    return int(rounded) if rounded == int(rounded) else rounded


def _polygons(segmentation: Any) -> list[list[float]]:
    """Return the usable polygons of any value, as COCO writes them."""
    if not isinstance(segmentation, list):
        return []
    parts = [segmentation] if not any(isinstance(p, list) for p in segmentation) else segmentation
    polygons = []
    for part in parts:
        flat = part
        if isinstance(part, list) and part and all(isinstance(p, list) for p in part):
            flat = [value for point in part for value in point]
        if (
            isinstance(flat, list)
            and len(flat) >= LEAST_NUMBERS
            and len(flat) % 2 == 0
            and all(isinstance(v, int | float) and not isinstance(v, bool) for v in flat)
        ):
            polygons.append(flat)
    return polygons


def _plan(given: RepairInput) -> _Plan:
    dataset = given.dataset
    columns = dataset.annotations
    boxes, derived = _boxes_with_masks(given)
    here = sizes_of_annotations(dataset, given.sizes)
    known = every(np.isfinite(here))
    changed: dict[str, Flags] = {"B8": derived}
    finite = every(np.abs(boxes) < HUGE)
    if "B3" in given.codes:
        changed["B3"] = finite & known
        boxes[changed["B3"]] *= np.tile(here, 2)[changed["B3"]]
    elif "B4" in given.codes:
        changed["B4"] = finite
        boxes[finite, 2:] -= boxes[finite, :2]
    corner, far = boxes[:, :2], boxes[:, :2] + boxes[:, 2:]
    outside = finite & known & (some(far <= 0) | some(corner >= here))
    flat = finite & some(boxes[:, 2:] <= 0)
    clipped = np.column_stack([np.clip(corner, 0, here), np.clip(far, 0, here)])
    clipped[:, 2:] -= clipped[:, :2]
    over = finite & known & ~outside & ~flat & some(np.abs(clipped - boxes) > OVERHANG)
    over &= columns.iscrowd != 1
    boxes[over] = clipped[over]
    changed["B6"] = over
    thin = finite & some(boxes[:, 2:] < 1)
    removed = {
        "R5": columns.image_row < 0,
        "B7": columns.has_bbox & ~finite,
        "B8": ~columns.has_bbox & ~derived,
        "B1": flat,
        "B6": outside,
        "B2": thin,
    }
    gone = np.logical_or.reduce(list(removed.values()))
    removed["B14"] = _exact_copies(given, boxes, ~gone)
    changed["B9"] = np.isnan(columns.area)
    changed["B10"] = columns.area <= 0
    changed["B12"] = columns.iscrowd < 0
    changed["M1"] = (columns.masks.flags & MASK_BROKEN != 0) & (columns.masks.kind != MASK_RLE)
    changed["M2"] = columns.masks.flags & (MASK_FLAT | MASK_NESTED) != 0
    rows, raised = _category_rows(given)
    changed["R6"] = raised
    renumber, changed["R2"], changed["R3"] = _numbering(given)
    return _Plan(boxes, removed, changed, _areas(given, boxes, changed), rows, renumber)


def _boxes_with_masks(given: RepairInput) -> tuple[Boxes, Flags]:
    """Return the boxes, those of masks where `bbox` is missing, and which these are."""
    dataset = given.dataset
    columns = dataset.annotations
    boxes = np.array(columns.bbox, np.float64, order="C")
    bounds = columns.masks.bounds
    polygon = ~columns.has_bbox & every(np.isfinite(bounds))
    boxes[polygon] = bounds[polygon]
    derived = polygon.copy()
    for position in np.flatnonzero(~columns.has_bbox & (columns.masks.kind == MASK_RLE)).tolist():
        box = given.mask_box(raw_annotation(dataset, position).get("segmentation"))
        if box is not None:
            boxes[position] = box
            derived[position] = True
    return boxes, derived


def _exact_copies(given: RepairInput, boxes: Boxes, kept: Flags) -> Flags:
    """Return which annotations repeat an earlier one: same image, class and box."""
    columns = given.dataset.annotations
    copies = np.zeros(len(columns), np.bool_)
    rows = np.flatnonzero(kept & (columns.iscrowd != 1))
    keys = np.column_stack([columns.image_row[rows], columns.category_row[rows], boxes[rows]])
    order = np.lexsort(keys.T[::-1])
    same = np.zeros(len(rows), np.bool_)
    same[1:] = every(keys[order][1:] == keys[order][:-1]) if len(rows) > 1 else False
    copies[rows[order[same]]] = True
    return copies


def _category_rows(given: RepairInput) -> tuple[npt.NDArray[np.int64], Flags]:
    """Return the category of each annotation, and which had to be raised by one to have it."""
    dataset = given.dataset
    columns = dataset.annotations
    nothing = np.zeros(len(columns), np.bool_)
    ids = columns.category_ids
    numbers = [category.id for category in dataset.categories]
    unknown = columns.category_row < 0
    if not unknown.any() or not isinstance(ids, np.ndarray):
        return columns.category_row, nothing
    whole = [id_ for id_ in numbers if isinstance(id_, int)]
    lowest = min(whole, default=0)
    # Only a block that starts one lower, and leaves the highest id unused, tells its mistake.
    if set(ids[unknown].tolist()) != {lowest - 1} or max(whole, default=0) in ids.tolist():
        return columns.category_row, nothing
    row_of = {id_: row for row, id_ in enumerate(numbers)}
    raised = np.array([row_of.get(id_ + 1, -1) for id_ in ids.tolist()], np.int64)
    if (raised < 0).any():
        return columns.category_row, nothing
    return raised, np.ones(len(columns), np.bool_)


def _numbering(given: RepairInput) -> tuple[bool, Flags, Flags]:
    """Return whether ids start anew, which repeat or are missing, and which are 0."""
    ids = given.dataset.annotations.ids
    plain = [plain_id(id_) for id_ in ids]
    seen: set[RecordId | None] = {None}
    repeated = np.zeros(len(plain), np.bool_)
    for position, id_ in enumerate(plain):
        repeated[position] = id_ in seen
        seen.add(id_)
    zero = np.array([id_ == 0 for id_ in plain], np.bool_)
    return bool(repeated.any() or zero.any()), repeated, zero


def _areas(
    given: RepairInput, boxes: Boxes, changed: Mapping[str, Flags]
) -> npt.NDArray[np.float64]:
    columns = given.dataset.annotations
    outline = columns.masks.area.astype(np.float64)
    masked = np.isfinite(outline) & (outline > 0)
    other_box = changed["B6"] & (columns.masks.kind == 0)
    for code in ("B3", "B4"):
        other_box |= changed.get(code, np.zeros(len(columns), np.bool_)) & ~masked
    anew = ~(columns.area > 0) | ~np.isfinite(columns.area) | other_box
    with np.errstate(invalid="ignore", over="ignore"):
        own = np.where(masked, outline, boxes[:, 2] * boxes[:, 3])
    return np.where(anew, own, columns.area)
