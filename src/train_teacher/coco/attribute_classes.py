"""`--class-from`: classes from another member of the annotations than their category."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from train_teacher.coco.dataset import CategoryRecord, CocoDataset, plain_record
from train_teacher.core.errors import UserError
from train_teacher.core.words import listed


def with_classes_from(dataset: CocoDataset, member: str) -> CocoDataset:
    """Return the data set with a class for each value of a member.

    Annotations without a value keep their category.

    Args:
        dataset: the file.
        member: of the annotations, with a dot between an object and its member: attributes.type.

    Raises:
        UserError: no annotation has a text or a whole number there.
    """
    columns = dataset.annotations
    values = list(_values(dataset, member))
    if not any(values):
        raise UserError(
            f"{dataset.path}: no annotation has a text or a whole number in {member} (--class-from)"
            f". They have {listed(sorted(_members(dataset)), 10)}: give one of these, with a dot "
            "for a member of an object, such as attributes.type."
        )
    own = [c.name for c in dataset.categories]
    rows = columns.category_row.tolist()
    names = [
        value or (own[row] if row >= 0 else None) for value, row in zip(values, rows, strict=True)
    ]
    classes = sorted({name for name in names if name is not None})
    row_of: dict[str | None, int] = {name: row for row, name in enumerate(classes)}
    row = np.array([row_of.get(name, -1) for name in names], np.int64)
    return replace(
        dataset,
        categories=tuple(CategoryRecord(n, n + 1, name, None) for n, name in enumerate(classes)),
        annotations=replace(columns, category_row=row, category_ids=row + 1),
    )


def has_values(dataset: CocoDataset, member: str) -> bool:
    """Return whether `with_classes_from` could make classes of a member."""
    return any(_values(dataset, member))


def _values(dataset: CocoDataset, member: str) -> Iterator[str | None]:
    for index in dataset.annotations.index.tolist():
        yield _value(plain_record(dataset.raw_annotations[index]), member)


def _value(record: Any, member: str) -> str | None:
    for name in member.split("."):
        record = record.get(name) if isinstance(record, dict) else None
    if isinstance(record, str | int) and not isinstance(record, bool):
        return str(record).strip() or None
    return None


def _members(dataset: CocoDataset) -> Sequence[str]:
    """Return the members of the first annotations, with those of objects in them."""
    found: list[str] = []
    for index in dataset.annotations.index[:100].tolist():
        for name, value in plain_record(dataset.raw_annotations[index]).items():
            inside = value if isinstance(value, dict) else {}
            found += [f"{name}.{key}" for key in inside] or [name]
    return list(dict.fromkeys(found))
