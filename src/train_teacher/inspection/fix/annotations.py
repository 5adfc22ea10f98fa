"""Annotations as `inspect-data --fix` writes them, record by record as planned."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import msgspec
import numpy as np

from train_teacher.coco.dataset import RecordId, plain_id, plain_record
from train_teacher.coco.masks.boxes import is_coordinate, usable_polygons
from train_teacher.coco.masks.forms import plain_mask
from train_teacher.core.arrays import Flags, some
from train_teacher.inspection.fix.boxes import DECIMALS
from train_teacher.inspection.fix.plan import RepairPlan, any_of, reason_of
from train_teacher.inspection.fix.records import (
    ChangeLog,
    Record,
    RepairInput,
    ignored_members,
    retyped,
    without,
)

AnyRecord = msgspec.Raw | Record


def repaired_annotations(
    given: RepairInput,
    plan: RepairPlan,
    image_ids: Mapping[int, RecordId],
    category_ids: Mapping[int, RecordId],
    log: ChangeLog,
) -> Iterator[AnyRecord]:
    """Yield the kept annotations, repaired; correct and unreadable ones as they are.

    Args:
        given: the input.
        plan: their changes, exact copies included.
        image_ids: new `image_id` by image row.
        category_ids: new `category_id` by category row.
        log: grows.
    """
    given = _without_unread_boxes(given, plan)
    dataset = given.dataset
    columns = dataset.annotations
    writer = _Writer(given, plan, image_ids, category_ids, log)
    reasons = list(plan.removed)
    untouched = _untouched(given, plan, image_ids, category_ids).tolist()
    number = 0
    reason = reason_of(plan.removed).tolist()
    positions = np.full(len(dataset.raw_annotations), -1)
    positions[columns.index] = np.arange(len(columns))
    for index, position in enumerate(positions.tolist()):
        raw = dataset.raw_annotations[index]
        if position < 0:
            yield raw  # nothing of it could be read
        elif reason[position] >= 0:
            log.note(reasons[reason[position]], plain_id(columns.ids[position]))
        else:
            number += 1
            touched = not untouched[position]
            yield writer.repaired(plain_record(raw), position, number) if touched else raw


def _without_unread_boxes(given: RepairInput, plan: RepairPlan) -> RepairInput:
    """Drop the recorded problems of boxes that stay as they are written."""
    dataset = given.dataset
    stay = {*dataset.annotations.index[plan.stays & ~plan.new_box].tolist()}
    problems = tuple(
        problem
        for problem in dataset.problems
        if problem.index not in stay or problem.member != "bbox" or problem.outcome == "converted"
    )
    return replace(given, dataset=replace(dataset, problems=problems))


def _untouched(
    given: RepairInput,
    plan: RepairPlan,
    image_ids: Mapping[int, RecordId],
    category_ids: Mapping[int, RecordId],
) -> Flags:
    dataset = given.dataset
    columns = dataset.annotations
    touched = any_of([*plan.changed.values(), plan.new_box, plan.new_area])
    touched |= some(plan.mask_scale != 1)
    problems = [p.index for p in dataset.problems if p.section == "annotations"]
    touched |= np.isin(columns.index, problems)
    images = [image.id for image in dataset.images]
    categories = [category.id for category in dataset.categories]
    for rows, new, old in (
        (columns.image_row, image_ids, images),
        (plan.category_row, category_ids, categories),
    ):
        moved = [new.get(row, id_) != id_ for row, id_ in enumerate(old)]
        touched |= np.array([*moved, False])[rows]
    return np.zeros_like(touched) if plan.renumber else ~touched


class _Writer:
    """Applies the plan to one record after the other."""

    def __init__(
        self,
        given: RepairInput,
        plan: RepairPlan,
        image_ids: Mapping[int, RecordId],
        category_ids: Mapping[int, RecordId],
        log: ChangeLog,
    ) -> None:
        self._given, self._plan, self._log = given, plan, log
        self._image_ids, self._category_ids = image_ids, category_ids
        self._retyped = retyped(given.dataset, "annotations")
        self._ignored = ignored_members(given.dataset, "annotations")

    def repaired(self, original: Record, position: int, number: int) -> Record:
        """Return one repaired record.

        Args:
            original: the record as it stands.
            position: row of the columns.
            number: its place among those that are kept, from 1.
        """
        index = int(self._given.dataset.annotations.index[position])
        record = without(original, self._ignored.get(index, ()))
        plan, columns = self._plan, self._given.dataset.annotations
        id_ = plain_id(columns.ids[position])
        for code, hit in plan.changed.items():
            if hit[position]:
                self._log.note(code, id_)
        if index in self._retyped:
            self._log.note("F5", id_)
            self._retype(record, position)
        self._measure(record, position)
        self._refer(record, "image_id", self._image_ids, int(columns.image_row[position]), id_)
        self._refer(
            record, "category_id", self._category_ids, int(plan.category_row[position]), id_
        )
        if plan.renumber:
            record["id"] = number
        return record

    def _retype(self, record: Record, position: int) -> None:
        """Write the values as they were understood."""
        columns = self._given.dataset.annotations
        if columns.has_bbox[position]:
            record["bbox"] = [tidy(value) for value in columns.bbox[position].tolist()]
        if np.isfinite(columns.area[position]):
            record["area"] = tidy(float(columns.area[position]))
        if columns.iscrowd[position] >= 0:
            record["iscrowd"] = int(columns.iscrowd[position])
        if "ignore" in record:
            record["ignore"] = int(columns.ignore[position])
        for key, ids in (
            ("id", columns.ids),
            ("image_id", columns.image_ids),
            ("category_id", columns.category_ids),
        ):
            record[key] = plain_id(ids[position])

    def _measure(self, record: Record, position: int) -> None:
        plan = self._plan
        if plan.new_box[position]:
            record["bbox"] = [tidy(value) for value in plan.boxes[position].tolist()]
            if "bbox_mode" in record:
                record["bbox_mode"] = 1  # x, y, width, height in Detectron2
        if plan.new_area[position]:
            record["area"] = tidy(float(plan.area[position]))
        if plan.changed["B12"][position]:
            record["iscrowd"] = 0
        if plan.changed["M1"][position] or plan.changed["M2"][position]:
            mask = plain_mask(record.get("segmentation"))
            record["segmentation"] = mask if isinstance(mask, dict) else usable_polygons(mask)
        self._enlarge(record, position)

    def _enlarge(self, record: Record, position: int) -> None:
        """Bring outlines and key points to the pixels of the image."""
        outline = self._plan.mask_scale[position]
        if (outline != 1).any():
            record["segmentation"] = [
                [tidy(round(v * outline[n % 2], DECIMALS)) for n, v in enumerate(polygon)]
                for polygon in usable_polygons(record.get("segmentation"))
            ]
        row = int(self._given.dataset.annotations.image_row[position])
        scale = self._plan.sizes.scale[row] if row >= 0 else np.ones(2)
        points = record.get("keypoints")
        if (scale != 1).any() and isinstance(points, list) and all(map(is_coordinate, points)):
            x_y_seen = [*scale.tolist(), 1]
            record["keypoints"] = [
                tidy(round(v * x_y_seen[n % 3], DECIMALS)) for n, v in enumerate(points)
            ]

    def _refer(
        self, record: Record, key: str, ids: Mapping[int, RecordId], row: int, id_: RecordId | None
    ) -> None:
        """Point to the id that is kept; undecidable references stay as they are."""
        target = ids.get(row)
        now = record.get(key)
        if target is None or (now == target and type(now) is type(target)):
            return
        if str(now).strip().lstrip("0").removesuffix(".0") == str(target).lstrip("0"):
            self._log.note("F7", id_)
        record[key] = target


def tidy(value: float) -> float | int:
    """Return a whole number as such."""
    return int(value) if value == int(value) else value
