"""Findings as checks report them: one of each kind, with at most three places to look."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from train_teacher.coco.dataset import (
    CategoryRecord,
    CocoDataset,
    IdColumn,
    RecordId,
    Section,
    plain_id,
)
from train_teacher.inspection.facts import Example, Finding, Severity

SHOWN = 3
TOLERATED_SHARE = 0.05
"""Of the records: up to it single ones are wrong, above it the whole file is read wrongly."""
REPAIRED = "Nothing to do: train-teacher repairs it in its own copies (exp1/data)"


class Concerned(NamedTuple):
    """The records that a finding is about."""

    section: Section
    ids: tuple[RecordId | None, ...]
    examples: tuple[Example, ...]


def finding_about(
    concerned: Concerned,
    *,
    code: str,
    severity: Severity,
    message: str,
    consequence: str,
    fix: str,
    split: str | None = None,
) -> list[Finding]:
    """Return one finding about some records, or nothing when there are none.

    Args:
        concerned: the records.
        code: stable code.
        severity: `error`, `warning` or `info`.
        message: the problem.
        consequence: its effect on training. fix: the cure.
        split: the file concerned, where the check looks at several.
    """
    if not concerned.ids:
        return []
    return [
        Finding(
            code=code,
            severity=severity,
            count=len(concerned.ids),
            message=message,
            consequence=consequence,
            fix=fix,
            examples=concerned.examples,
            split=split,
            section=concerned.section,
            ids=concerned.ids,
        )
    ]


def annotations_at(
    dataset: CocoDataset,
    rows: npt.NDArray[np.int64] | npt.NDArray[np.bool_],
    key: str = "",
    values: Sequence[str] | None = None,
) -> Concerned:
    """Return annotations that a finding is about.

    Args:
        dataset: the data set.
        rows: rows of the annotation columns, or (N,) flags.
        key: the member concerned, such as `bbox`.
        values: texts to show, one for each of the first rows; else read from the columns.
    """
    positions = np.flatnonzero(rows) if rows.dtype == np.bool_ else rows.astype(np.int64)
    ids = dataset.annotations.ids
    return Concerned(
        "annotations",
        tuple(plain_id(ids[p]) for p in positions.tolist()),
        tuple(
            _annotation_example(dataset, int(p), key, values[i] if values else None)
            for i, p in enumerate(positions[:SHOWN])
        ),
    )


def _annotation_example(
    dataset: CocoDataset, position: int, key: str, value: str | None
) -> Example:
    columns = dataset.annotations
    row = int(columns.image_row[position])
    path = f"annotations[{columns.index[position]}]"
    return Example(
        path=f"{path}.{key}" if key else path,
        file=dataset.images[row].file_name if row >= 0 else None,
        annotation_id=plain_id(columns.ids[position]),
        value=_column_value(dataset, position, key) if value is None else value,
    )


def _column_value(dataset: CocoDataset, position: int, key: str) -> str | None:
    columns = dataset.annotations
    ids: dict[str, IdColumn] = {
        "id": columns.ids,
        "image_id": columns.image_ids,
        "category_id": columns.category_ids,
    }
    if key in ids:
        value = plain_id(ids[key][position])
        return f'"{value}"' if isinstance(value, str) else str(value)
    if key == "bbox" and columns.has_bbox[position]:
        return "[" + ", ".join(f"{v:g}" for v in columns.bbox[position]) + "]"
    if key == "area" and not np.isnan(columns.area[position]):
        return f"{columns.area[position]:g}"
    return None


def images_at(
    dataset: CocoDataset,
    rows: Iterable[int],
    key: str = "file_name",
    values: Sequence[str] | None = None,
) -> Concerned:
    """Return images that a finding is about.

    Args:
        dataset: the data set.
        rows: rows of `CocoDataset.images`.
        key: the member concerned.
        values: texts to show, one for each of the first rows.
    """
    images = [dataset.images[int(row)] for row in rows]
    return Concerned(
        "images",
        tuple(image.id for image in images),
        tuple(
            Example(
                path=f"images[{image.index}].{key}",
                file=image.file_name,
                value=values[i] if values else None,
            )
            for i, image in enumerate(images[:SHOWN])
        ),
    )


def these_categories(
    categories: Sequence[CategoryRecord], values: Sequence[str] | None = None
) -> Concerned:
    """Return categories that a finding is about.

    Args:
        categories: those concerned.
        values: texts to show, one for each of the first; their names when None.
    """
    return Concerned(
        "categories",
        tuple(category.id for category in categories),
        tuple(
            Example(path=f"categories[{c.index}].name", value=values[i] if values else c.name)
            for i, c in enumerate(categories[:SHOWN])
        ),
    )
