"""R: ids and the references between the three lists."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from train_teacher.domain.checks.categories import real_categories
from train_teacher.domain.checks.reporting import (
    REPAIRED,
    SHOWN,
    annotation_examples,
    listed,
    plural,
    share,
)
from train_teacher.domain.coco import CategoryRecord, CocoDataset, ImageRecord, RecordId
from train_teacher.domain.dataset_info import Example, Finding


def check_references(dataset: CocoDataset) -> list[Finding]:
    """Return R1 to R7: repeated ids, id 0, references to nothing, classes without boxes."""
    return [
        *_repeated_image_ids(dataset),
        *_repeated_annotation_ids(dataset),
        *_annotation_id_zero(dataset),
        *_repeated_category_ids(dataset),
        *_unknown_images(dataset),
        *_unknown_categories(dataset),
        *_unused_categories(dataset),
    ]


def _repeated(ids: Sequence[RecordId | None]) -> dict[RecordId | None, list[int]]:
    if len(set(ids)) == len(ids):
        return {}
    rows: dict[RecordId | None, list[int]] = defaultdict(list)
    for row, id_ in enumerate(ids):
        rows[id_].append(row)
    return {id_: r for id_, r in rows.items() if len(r) > 1}


def _repeated_image_ids(dataset: CocoDataset) -> list[Finding]:
    repeated = _repeated([image.id for image in dataset.images])
    if not repeated:
        return []
    id_, rows = next(iter(repeated.items()))
    files = [dataset.images[row].file_name for row in rows]
    rest = f" ({plural(len(repeated), 'id')} like this)" if len(repeated) > 1 else ""
    return [
        Finding(
            code="R1",
            severity="error",
            count=len(repeated),
            message=f"image id {id_} is used by {len(rows)} images: {listed(files, 3)}{rest}",
            consequence="The boxes of all of them are piled onto the last picture; "
            "the others are lost.",
            fix="Give each image its own id and correct image_id in its annotations; "
            "merging exports without renumbering usually causes this.",
            examples=_record_examples([dataset.images[r] for rs in repeated.values() for r in rs]),
        )
    ]


def _record_examples(records: Sequence[ImageRecord | CategoryRecord]) -> tuple[Example, ...]:
    return tuple(
        Example(path=f"images[{r.index}].id", file=r.file_name, value=str(r.id))
        if isinstance(r, ImageRecord)
        else Example(path=f"categories[{r.index}].id", value=f"{r.id}: {r.name}")
        for r in records[:SHOWN]
    )


def _repeated_annotation_ids(dataset: CocoDataset) -> list[Finding]:
    ids = dataset.annotations.ids
    missing = sum(id_ is None for id_ in ids)
    repeated = _repeated(ids)
    repeated.pop(None, None)
    findings = []
    if repeated:
        positions = np.array([p for rows in repeated.values() for p in rows], np.int64)
        findings.append(
            Finding(
                code="R2",
                severity="warning",
                count=len(repeated),
                message=f"{plural(len(repeated), 'annotation id')} used more than once: "
                f"{listed(repeated, 3)}",
                consequence='MMDetection would stop with "Annotation ids are not unique".',
                fix=f"{REPAIRED}, which are numbered from 1.",
                examples=annotation_examples(dataset, positions, "id"),
            )
        )
    if missing:
        positions = np.array([p for p, id_ in enumerate(ids) if id_ is None], np.int64)
        findings.append(
            Finding(
                code="R2",
                severity="warning",
                count=missing,
                message=f"{plural(missing, 'annotation')} without an id",
                consequence="MMDetection would stop with KeyError: 'id'.",
                fix=f"{REPAIRED}, which are numbered from 1.",
                examples=annotation_examples(dataset, positions, "id"),
            )
        )
    return findings


def _annotation_id_zero(dataset: CocoDataset) -> list[Finding]:
    positions = np.array([p for p, id_ in enumerate(dataset.annotations.ids) if id_ == 0], np.int64)
    if not len(positions):
        return []
    return [
        Finding(
            code="R3",
            severity="warning",
            count=len(positions),
            message="annotation id 0 can never be matched by COCO evaluation",
            consequence="Evaluated as it is, that box counts as missed and its detection as false: "
            "AP would be too low, the more so the smaller the set.",
            fix=f"{REPAIRED}, which are numbered from 1.",
            examples=annotation_examples(dataset, positions, "id"),
        )
    ]


def _repeated_category_ids(dataset: CocoDataset) -> list[Finding]:
    repeated = _repeated([category.id for category in dataset.categories])
    if not repeated:
        return []
    id_, rows = next(iter(repeated.items()))
    categories = [dataset.categories[r] for rs in repeated.values() for r in rs]
    names = [dataset.categories[row].name for row in rows]
    return [
        Finding(
            code="R4",
            severity="error",
            count=len(repeated),
            message=f"category id {id_} is used by {len(rows)} categories: {listed(names)}",
            consequence="Their boxes cannot be told apart: all are trained as the last of them.",
            fix="Give each category its own id and correct category_id in its annotations.",
            examples=_record_examples(categories),
        )
    ]


def _unknown_images(dataset: CocoDataset) -> list[Finding]:
    columns = dataset.annotations
    positions = np.flatnonzero(columns.image_row < 0)
    if not len(positions):
        return []
    ids = list(dict.fromkeys(columns.image_ids[int(p)] for p in positions))
    return [
        Finding(
            code="R5",
            severity="warning",
            count=len(positions),
            message=f"{plural(len(positions), 'annotation points', 'annotations point')} to "
            f"{plural(len(ids), 'image')} not listed: id {listed(ids)}",
            consequence=f"{share(len(positions), len(columns))} annotations are not trained.",
            fix="Add these images to the list, or remove the annotations.",
            examples=annotation_examples(dataset, positions, "image_id"),
        )
    ]


def _unknown_categories(dataset: CocoDataset) -> list[Finding]:
    columns = dataset.annotations
    positions = np.flatnonzero(columns.category_row < 0)
    if not len(positions):
        return []
    ids = list(dict.fromkeys(columns.category_ids[int(p)] for p in positions))
    defined = [category.id for category in dataset.categories]
    uses = plural(len(positions), "annotation uses", "annotations use")
    return [
        Finding(
            code="R6",
            severity="error",
            count=len(positions),
            message=f"{uses} category id {listed(ids)}, which is not defined",
            consequence=f"{share(len(positions), len(columns))} annotations are not trained, "
            "and their objects are learned as background.",
            fix=f"Define the category or correct category_id (defined: {listed(defined, 10)})"
            f"{_off_by_one(ids, defined)}.",
            examples=annotation_examples(dataset, positions, "category_id"),
        )
    ]


def _off_by_one(unknown: Sequence[RecordId | None], defined: Sequence[RecordId]) -> str:
    numbers = [id_ for id_ in defined if isinstance(id_, int)]
    if numbers and list(unknown) == [min(numbers) - 1]:
        return "; the ids look counted from one lower than the list: add 1 to every category_id"
    return ""


def _unused_categories(dataset: CocoDataset) -> list[Finding]:
    used = set(dataset.annotations.category_row.tolist())
    kept = {category.index for category in real_categories(dataset)}
    unused = [
        category
        for row, category in enumerate(dataset.categories)
        if row not in used and category.index in kept
    ]
    if not unused:
        return []
    return [
        Finding(
            code="R7",
            severity="info",
            count=len(unused),
            message=f"{plural(len(unused), 'class', 'classes')} without a box: "
            f"{listed(c.name for c in unused)}",
            consequence="It is read by the model but cannot be learned from this file.",
            fix="Label some, or remove the category.",
            examples=_record_examples(unused),
        )
    ]
