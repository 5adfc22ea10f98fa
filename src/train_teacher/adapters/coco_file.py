"""Reads a COCO JSON tolerantly: every bad record is found in one run, every good one is kept.

The top level is split into undecoded records, then each record goes through a typed decoder on
its own: one mistake costs one record, and no Python object outlives its row in the columns. That
is also why it is several times faster than loading the whole object tree.
"""

from __future__ import annotations

import gc
from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from train_teacher.adapters.coco_bytes import TopLevel, read_top_level
from train_teacher.adapters.coco_records import (
    NOT_A_NUMBER,
    AnnotationEntry,
    CategoryEntry,
    ImageEntry,
    RecordReader,
    mask_kind,
)
from train_teacher.adapters.foreign_formats import name_annotation_format
from train_teacher.domain.coco import (
    AnnotationColumns,
    CategoryRecord,
    CocoDataset,
    ImageRecord,
    RecordId,
    RecordProblem,
)
from train_teacher.domain.errors import UserError

MAX_PIXELS = 2**31
_COCO_URL = "http://images.cocodataset.org/"


def read_coco(path: Path | str) -> CocoDataset:
    """Read one COCO JSON.

    Args:
        path: the file; gzip, byte order marks, UTF-16 and NaN are understood.

    Raises:
        UserError: nothing can be read from it (F1), it is another format (F3), or `images`,
            `annotations` or `categories` is missing (F4).
    """
    path = Path(path)
    with _without_garbage_collection():
        top = read_top_level(path)
        _refuse_files_without_boxes(path, top)
        problems: list[RecordProblem] = []
        images = tuple(_images(top.images, problems))
        categories = tuple(_categories(top.categories, problems))
        annotations = _annotations(top.annotations, images, categories, problems)
    return CocoDataset(
        path=path,
        images=images,
        categories=categories,
        annotations=annotations,
        raw_annotations=top.annotations,
        info=top.info,
        licenses=top.licenses,
        problems=tuple(problems),
        encoding_note=top.note,
    )


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Keep the collector from walking a million fresh objects that cannot be garbage."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _refuse_files_without_boxes(path: Path, top: TopLevel) -> None:
    if not top.annotations:
        return
    first: Any = top.annotations[0]
    if isinstance(first, msgspec.Raw):
        try:
            first = msgspec.json.decode(first)
        except (msgspec.DecodeError, RecursionError):
            return
    foreign = name_annotation_format(first)
    if foreign:
        raise UserError(f"{path}: F3 {foreign}")


def _images(records: Sequence[Any], problems: list[RecordProblem]) -> Iterator[ImageRecord]:
    reader = RecordReader(ImageEntry, "images", problems)
    for index, record in enumerate(records):
        entry = reader.read(index, record)
        if entry is None:
            continue
        name = entry.file_name or (entry.coco_url or "").removeprefix(_COCO_URL)
        if not name:
            reader.report(index, "file_name", "missing: the picture cannot be found", "", False)
            continue
        yield ImageRecord(
            index=index,
            id=entry.id,
            file_name=name,
            width=_pixels(entry.width),
            height=_pixels(entry.height),
        )


def _pixels(value: float | None) -> int | None:
    if value is None or not 0 < value < MAX_PIXELS:
        return None
    return round(value) or None


def _categories(records: Sequence[Any], problems: list[RecordProblem]) -> Iterator[CategoryRecord]:
    reader = RecordReader(CategoryEntry, "categories", problems)
    for index, record in enumerate(records):
        entry = reader.read(index, record)
        if entry is not None:
            parent = entry.supercategory
            yield CategoryRecord(
                index=index,
                id=entry.id,
                name=entry.name,
                supercategory=parent if isinstance(parent, str) else None,
            )


@dataclass
class _Columns:
    """The columns while they grow; array.array holds 8 bytes a value, a list 32 and more."""

    index: array[int] = field(default_factory=lambda: array("q"))
    ids: list[RecordId | None] = field(default_factory=list)
    image_ids: list[RecordId | None] = field(default_factory=list)
    category_ids: list[RecordId | None] = field(default_factory=list)
    bbox: array[float] = field(default_factory=lambda: array("d"))
    has_bbox: bytearray = field(default_factory=bytearray)
    area: array[float] = field(default_factory=lambda: array("d"))
    iscrowd: array[int] = field(default_factory=lambda: array("b"))
    ignore: bytearray = field(default_factory=bytearray)
    mask_kind: bytearray = field(default_factory=bytearray)


_NO_BOX = (float("nan"),) * 4


def _annotations(
    records: Sequence[Any],
    images: tuple[ImageRecord, ...],
    categories: tuple[CategoryRecord, ...],
    problems: list[RecordProblem],
) -> AnnotationColumns:
    columns = _Columns()
    reader = RecordReader(AnnotationEntry, "annotations", problems)
    read = reader.read
    for index, record in enumerate(records):
        entry = read(index, record)
        if entry is None:
            continue
        columns.index.append(index)
        columns.ids.append(entry.id)
        columns.image_ids.append(entry.image_id)
        columns.category_ids.append(entry.category_id)
        columns.bbox.extend(_NO_BOX if entry.bbox is None else entry.bbox)
        columns.has_bbox.append(entry.bbox is not None)
        columns.area.append(NOT_A_NUMBER if entry.area is None else entry.area)
        columns.iscrowd.append(-1 if entry.iscrowd is None else bool(entry.iscrowd))
        columns.ignore.append(bool(entry.ignore))
        columns.mask_kind.append(mask_kind(entry.segmentation))
    return _as_arrays(columns, images, categories, reader)


def _as_arrays(
    columns: _Columns,
    images: tuple[ImageRecord, ...],
    categories: tuple[CategoryRecord, ...],
    reader: RecordReader[AnnotationEntry],
) -> AnnotationColumns:
    image_row = _rows(columns, "image_id", columns.image_ids, [i.id for i in images], reader)
    category_row = _rows(
        columns, "category_id", columns.category_ids, [c.id for c in categories], reader
    )
    return AnnotationColumns(
        index=np.array(columns.index, np.int64),
        ids=columns.ids,
        image_ids=columns.image_ids,
        category_ids=columns.category_ids,
        image_row=image_row,
        category_row=category_row,
        bbox=np.array(columns.bbox, np.float64).reshape(-1, 4),
        has_bbox=np.array(columns.has_bbox, np.bool_),
        area=np.array(columns.area, np.float64),
        iscrowd=np.array(columns.iscrowd, np.int8),
        ignore=np.array(columns.ignore, np.bool_),
        mask_kind=np.array(columns.mask_kind, np.int8),
    )


def _rows(
    columns: _Columns,
    key: str,
    wanted: Sequence[RecordId | None],
    known: Sequence[RecordId],
    reader: RecordReader[AnnotationEntry],
) -> npt.NDArray[np.int64]:
    """Return the row of each id, -1 where it is unknown; "7" is taken for 7 and reported."""
    # The last of two equal ids wins, as it does in pycocotools.
    row_of: dict[RecordId | None, int] = {id_: row for row, id_ in enumerate(known)}
    rows = np.fromiter((row_of.get(id_, -1) for id_ in wanted), np.int64, len(wanted))
    by_text = {str(id_): row for row, id_ in enumerate(known)}
    for position in np.flatnonzero(rows < 0).tolist():
        id_ = wanted[position]
        row = -1 if id_ is None else by_text.get(str(id_).strip(), -1)
        if row >= 0:
            rows[position] = row
            kind = "text" if isinstance(known[row], str) else "a number"
            reader.report(
                columns.index[position], key, f"should be {kind}, as in the list", repr(id_), True
            )
    return rows
