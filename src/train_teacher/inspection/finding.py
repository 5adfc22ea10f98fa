"""How a check tells what it found: one finding per kind, with at most three places to look."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from train_teacher.coco.dataset import CategoryRecord, CocoDataset, IdColumn, plain_id
from train_teacher.inspection.facts import Example, Finding, Severity

SHOWN = 3
TOLERATED_SHARE = 0.05
"""Of the records: up to it single ones are wrong, above it the whole file is read wrongly."""
REPAIRED = "Nothing to do: train-teacher repairs it in its own copies (exp1/data)"


def annotation_examples(
    dataset: CocoDataset,
    positions: npt.NDArray[np.int64],
    key: str = "",
    values: Sequence[str] | None = None,
) -> tuple[Example, ...]:
    """Return where to look for the first few annotations.

    Args:
        dataset: the data set.
        positions: rows of the annotation columns.
        key: the member concerned, such as `bbox`.
        values: texts to show, one per position; read from the columns when it is None.
    """
    return tuple(
        _annotation_example(dataset, int(p), key, values[i] if values else None)
        for i, p in enumerate(positions[:SHOWN])
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


def image_examples(
    dataset: CocoDataset, rows: Iterable[int], key: str = "", value: str | None = None
) -> tuple[Example, ...]:
    """Return where to look for the first few images.

    Args:
        dataset: the data set.
        rows: rows of `CocoDataset.images`.
        key: the member concerned.
        value: text to show with each.
    """
    shown = [dataset.images[int(row)] for row in list(rows)[:SHOWN]]
    return tuple(
        Example(
            path=f"images[{image.index}]{'.' + key if key else ''}",
            file=image.file_name,
            value=value,
        )
        for image in shown
    )


def annotation_finding(
    dataset: CocoDataset,
    rows: npt.NDArray[np.int64] | npt.NDArray[np.bool_],
    *,
    code: str,
    severity: Severity,
    message: str,
    consequence: str,
    fix: str,
    key: str = "",
    values: Sequence[str] | None = None,
) -> list[Finding]:
    """Return one finding about annotations, or nothing when there are none.

    Args:
        dataset: the data set.
        rows: rows of the annotation columns, or (N,) flags.
        code: stable code.
        severity: how bad it is.
        message: what is wrong.
        consequence: what it would do to training.
        fix: what mends it.
        key: the member concerned, such as `bbox`.
        values: texts to show, one for each of the first rows; else read from the columns.
    """
    positions = np.flatnonzero(rows) if rows.dtype == np.bool_ else rows.astype(np.int64)
    if not len(positions):
        return []
    ids = dataset.annotations.ids
    return [
        Finding(
            code=code,
            severity=severity,
            count=len(positions),
            message=message,
            consequence=consequence,
            fix=fix,
            examples=annotation_examples(dataset, positions, key, values),
            section="annotations",
            ids=tuple(plain_id(ids[p]) for p in positions.tolist()),
        )
    ]


def image_finding(
    dataset: CocoDataset,
    rows: Iterable[int],
    *,
    code: str,
    severity: Severity,
    message: str,
    consequence: str,
    fix: str,
    key: str = "file_name",
    values: Sequence[str] | None = None,
) -> list[Finding]:
    """Return one finding about images, or nothing when there are none.

    Args:
        dataset: the data set.
        rows: rows of `CocoDataset.images`.
        code: stable code.
        severity: how bad it is.
        message: what is wrong.
        consequence: what it would do to training.
        fix: what mends it.
        key: the member concerned.
        values: texts to show, one for each of the first rows.
    """
    images = [dataset.images[int(row)] for row in rows]
    if not images:
        return []
    examples = tuple(
        Example(
            path=f"images[{image.index}]{'.' + key if key else ''}",
            file=image.file_name,
            value=values[i] if values else None,
        )
        for i, image in enumerate(images[:SHOWN])
    )
    return [
        Finding(
            code=code,
            severity=severity,
            count=len(images),
            message=message,
            consequence=consequence,
            fix=fix,
            examples=examples,
            section="images",
            ids=tuple(image.id for image in images),
        )
    ]


def category_finding(
    categories: Sequence[CategoryRecord],
    *,
    code: str,
    severity: Severity,
    message: str,
    consequence: str,
    fix: str,
    values: Sequence[str] | None = None,
    split: str | None = None,
) -> list[Finding]:
    """Return one finding about categories, or nothing when there are none.

    Args:
        categories: those concerned.
        code: stable code.
        severity: how bad it is.
        message: what is wrong.
        consequence: what it would do to training.
        fix: what mends it.
        values: texts to show, one for each of the first; their names when None.
        split: the file concerned.
    """
    if not categories:
        return []
    return [
        Finding(
            code=code,
            severity=severity,
            count=len(categories),
            message=message,
            consequence=consequence,
            fix=fix,
            examples=tuple(
                Example(path=f"categories[{c.index}].name", value=values[i] if values else c.name)
                for i, c in enumerate(categories[:SHOWN])
            ),
            split=split,
            section="categories",
            ids=tuple(c.id for c in categories),
        )
    ]
