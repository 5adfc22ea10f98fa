"""R5 and R6: annotations of images and of categories that are not listed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from train_teacher.coco.dataset import CocoDataset, IdColumn, RecordId, plain_id
from train_teacher.core.words import listed, plural, share
from train_teacher.inspection.facts import Finding
from train_teacher.inspection.finding import SHOWN, annotations_at, finding_about
from train_teacher.inspection.likely_ids import (
    category_step,
    free_image_ids,
    image_step,
    meant_image_rows,
    named_rows,
)

MOST_IDS = 5


def check_unlisted_ids(dataset: CocoDataset) -> list[Finding]:
    """Return R5 (unlisted images) and R6 (unlisted categories)."""
    return [*_unknown_images(dataset), *_unknown_categories(dataset)]


def _unknown_images(dataset: CocoDataset) -> list[Finding]:
    columns = dataset.annotations
    positions = np.flatnonzero(columns.image_row < 0)
    if not len(positions):
        return []
    if meant_image_rows(dataset) is not None:
        return _other_image_ids(dataset, positions)
    ids = _ids_at(columns.image_ids, positions)
    points = plural(len(positions), "annotation points", "annotations point")
    meant = free_image_ids(dataset)
    return finding_about(
        annotations_at(
            dataset, positions, key="image_id", values=_values(columns.image_ids, positions)
        ),
        code="R5",
        severity="warning",
        message=f"{points} to {plural(len(ids), 'image')} not listed: id {_listed_ids(ids)}",
        consequence=f"{share(len(positions), len(columns))} annotations are not trained.",
        fix="Restore their image, see R1: inspect-data DATA.json --fix OUT.json."
        if meant
        else "Add these images to the list, or remove the annotations.",
    )


def _other_image_ids(dataset: CocoDataset, positions: npt.NDArray[np.int64]) -> list[Finding]:
    step = image_step(dataset)
    what, cure = "holds file names instead of ids", "writes the ids"
    if step:
        what = f"is {abs(step):,} {'lower' if step > 0 else 'higher'} than the ids in the list"
        cure = (
            f"{'adds' if step > 0 else 'takes'} {abs(step):,} {'to' if step > 0 else 'from'} each"
        )
    return _all_other_ids(dataset, "R5", "image_id", positions, (what, cure))


def _all_other_ids(
    dataset: CocoDataset,
    code: str,
    key: str,
    positions: npt.NDArray[np.int64],
    what_and_cure: tuple[str, str],
) -> list[Finding]:
    """Return a finding about a file whose references all follow another rule."""
    columns = dataset.annotations
    ids = columns.image_ids if key == "image_id" else columns.category_ids
    what, cure = what_and_cure
    about = annotations_at(dataset, positions, key=key, values=_values(ids, positions))
    return finding_about(
        about._replace(ids=tuple(map(plain_id, dataset.annotations.ids))),
        code=code,
        severity="error",
        message=f"{key} {what}, in all {len(dataset.annotations):,} annotations",
        consequence="Every box would be on another image or of another class, or of none.",
        fix=f"inspect-data DATA.json --fix OUT.json {cure}.",
    )


def _ids_at(ids: IdColumn, positions: npt.NDArray[np.int64]) -> list[RecordId | None]:
    return list(dict.fromkeys(plain_id(ids[p]) for p in positions.tolist()))


def _unknown_categories(dataset: CocoDataset) -> list[Finding]:
    columns = dataset.annotations
    positions = np.flatnonzero(columns.category_row < 0)
    ids = _ids_at(columns.category_ids, positions)
    defined = [category.id for category in dataset.categories]
    if len(positions) and named_rows(dataset, "categories") is not None:
        told = ("holds class names instead of ids", "writes the ids")
        return _all_other_ids(dataset, "R6", "category_id", positions, told)
    uses = plural(len(positions), "annotation uses", "annotations use")
    return finding_about(
        annotations_at(
            dataset, positions, key="category_id", values=_values(columns.category_ids, positions)
        ),
        code="R6",
        severity="error",
        message=f"{uses} category id {_listed_ids(ids)}, which is not defined",
        consequence=f"{share(len(positions), len(columns))} annotations are not trained, "
        "and their objects are learned as background.",
        fix=f"Define the category or correct category_id (defined: {listed(defined, 10)})"
        f"{_off_by_one(dataset)}.",
    )


def _off_by_one(dataset: CocoDataset) -> str:
    step = category_step(dataset)
    if not step:
        return ""
    side, change = ("lower", "add 1 to") if step > 0 else ("higher", "take 1 from")
    return (
        f"; the ids look counted from one {side} than the list: {change} every category_id, "
        "which inspect-data DATA.json --fix OUT.json does"
    )


def _listed_ids(ids: Sequence[RecordId | None]) -> str:
    """Return the first ids as the JSON has them: `null`, not Python's word for it."""
    told = ", ".join("null" if id_ is None else listed([id_]) for id_ in ids[:MOST_IDS])
    return f"{told}, ... ({len(ids)} in all)" if len(ids) > MOST_IDS else told


def _values(ids: IdColumn, positions: npt.NDArray[np.int64]) -> list[str]:
    """Return the first few ids as the JSON has them."""
    return [_listed_ids([plain_id(ids[p])]) for p in positions[:SHOWN].tolist()]
