"""Annotation records to columns, a block of records at a time.

There are four readers, each slower than the one before and taking what that one does not: of
numbers laid out alike (no Python object is made), of polygons without a mistake, of types without
a mistake, and record by record, so that every other record is kept and every mistake is told with
its path.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from operator import attrgetter
from typing import Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from train_teacher.coco.annotation_block import AnnotationBlock
from train_teacher.coco.annotation_decoder import parse_block, parse_records
from train_teacher.coco.dataset import IdColumn, RecordId, RecordProblem
from train_teacher.coco.masks.columns import MaskColumns
from train_teacher.coco.masks.measures import (
    PackedPolygons,
    Polygons,
    RunLengths,
    flag_masks_apart,
    measure_masks,
    measure_packed,
    read_untyped,
)
from train_teacher.coco.nested_records import CutRecords, cut_nested
from train_teacher.coco.plain_records import PlainRecords, parse_plain
from train_teacher.coco.record_decoder import NOT_A_NUMBER, AnnotationEntry, RecordReader

_NO_BOX = (NOT_A_NUMBER,) * 4
_MEMBERS = attrgetter("id", "image_id", "category_id", "bbox", "area", "iscrowd", "ignore")


class _TypedAnnotation(AnnotationEntry, gc=False):
    """An annotation without a mistake; tuples cost a fifth less than lists."""

    segmentation: Polygons | RunLengths | None = None


class _Members(NamedTuple):
    """The members of N annotations but for the masks."""

    ids: IdColumn
    image_ids: IdColumn
    category_ids: IdColumn
    bbox: npt.NDArray[np.float64]
    has_bbox: npt.NDArray[np.bool_]
    area: npt.NDArray[np.float64]
    iscrowd: npt.NDArray[np.int8]
    ignore: npt.NDArray[np.bool_]


_decode_block = msgspec.json.Decoder(list[_TypedAnnotation]).decode


def read_text_block(records: bytes) -> AnnotationBlock:
    """Return the columns of annotations.

    Args:
        records: a JSON list of them without its brackets.

    Raises:
        msgspec.DecodeError: it is not a list in JSON; a mistake in a record is no error.
    """
    block = _read_plain(records)
    if block is not None:
        return block
    text = b"[" + records + b"]"
    parsed = parse_block(text)
    if parsed is not None:
        rows = len(parsed.entries)
        measured = measure_packed(rows, parsed.polygons, parsed.run_lengths)
        return _block(rows, np.arange(rows), _members(parsed.entries), measured)
    try:
        entries: Sequence[AnnotationEntry] = _decode_block(text)
    except (msgspec.ValidationError, UnicodeError, RecursionError):
        return read_record_block(msgspec.json.decode(text, type=list[msgspec.Raw]))
    masks = measure_masks([entry.segmentation for entry in entries])
    return _block(len(entries), np.arange(len(entries)), _members(entries), masks)


def read_record_block(records: Sequence[Any]) -> AnnotationBlock:
    """Return the columns of records, each read on its own.

    Args:
        records: `msgspec.Raw`, or Python objects from the standard library's parser.
    """
    problems: list[RecordProblem] = []
    reader = RecordReader(AnnotationEntry, "annotations", problems)
    index, entries, masks = [], [], []
    for number, record in enumerate(records):
        entry = reader.read(number, record)
        if entry is None:
            continue
        index.append(number)
        entries.append(entry)
        masks.append(read_untyped(_segmentation(entry.segmentation)))
    measured = measure_masks([mask for mask, _ in masks], [flags for _, flags in masks])
    members = _members(entries)
    return _block(len(records), np.array(index, np.int64), members, measured, tuple(problems))


def _read_plain(records: bytes) -> AnnotationBlock | None:
    cut = cut_nested(records)
    plain = None if cut is None else parse_plain(cut.plain)
    if cut is None or plain is None:
        return None
    members = _plain_members(plain)
    polygons, run_lengths = plain.polygons, []
    if cut.nested:
        nested = parse_records(cut.nested)
        others = None if nested is None else _members(nested.entries)
        if nested is None or others is None or len(nested.polygons.lengths):
            return None
        merged = _merged(members, others, cut)
        if merged is None:
            return None
        members = merged
        owner = cut.plain_rows[polygons.owner]
        polygons = PackedPolygons(polygons.numbers, polygons.lengths, owner)
        run_lengths = [(int(cut.nested_rows[row]), mask) for row, mask in nested.run_lengths]
    rows = len(members.ids)
    return _block(rows, np.arange(rows), members, measure_packed(rows, polygons, run_lengths))


def _plain_members(plain: PlainRecords) -> _Members:
    rows = len(plain.ids)
    return _Members(
        plain.ids,
        plain.image_ids,
        plain.category_ids,
        plain.bbox,
        np.ones(rows, np.bool_),
        np.full(rows, NOT_A_NUMBER) if plain.area is None else plain.area,
        np.full(rows, -1, np.int8) if plain.iscrowd is None else (plain.iscrowd != 0).view(np.int8),
        np.zeros(rows, np.bool_) if plain.ignore is None else plain.ignore != 0,
    )


def _merged(plain: _Members, nested: _Members, cut: CutRecords) -> _Members | None:
    """Return the members of all records of a block, None where an id is not a whole number."""
    columns = []
    for first, second in zip(plain, nested, strict=True):
        if not isinstance(first, np.ndarray) or not isinstance(second, np.ndarray):
            return None
        shape = (len(first) + len(second), *first.shape[1:])
        column = np.empty(shape, first.dtype, order="F")
        column[cut.plain_rows], column[cut.nested_rows] = first, second
        columns.append(column)
    return _Members(*columns)


def _segmentation(value: Any) -> Any:
    if not isinstance(value, msgspec.Raw):
        return value
    try:
        return msgspec.json.decode(value)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return "unreadable"


def _block(
    records: int,
    index: npt.NDArray[np.int64],
    members: _Members,
    masks: MaskColumns,
    problems: tuple[RecordProblem, ...] = (),
) -> AnnotationBlock:
    flag_masks_apart(masks, members.bbox, members.has_bbox)
    return AnnotationBlock(records, index, *members, masks, problems)


def _members(entries: Sequence[AnnotationEntry]) -> _Members:
    # One pass in C over all members is four times faster than a comprehension for each.
    values = list(zip(*map(_MEMBERS, entries), strict=True)) or [()] * 7
    ids, image_ids, category_ids, boxes, areas, crowds, ignores = values
    return _Members(
        _ids(ids),
        _ids(image_ids),
        _ids(category_ids),
        *_boxes(boxes),
        _areas(areas),
        _crowds(crowds),
        _marks(ignores),
    )


def _boxes(
    values: Sequence[tuple[float, float, float, float] | None],
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    has_bbox = np.ones(len(values), np.bool_)
    try:
        numbers = np.fromiter(chain.from_iterable(values), np.float64, 4 * len(values))  # type: ignore[arg-type]  # None is caught
    except TypeError:
        has_bbox = np.array([box is not None for box in values], np.bool_)
        boxes = [_NO_BOX if box is None else box for box in values]
        numbers = np.fromiter(chain.from_iterable(boxes), np.float64, 4 * len(boxes))
    return numbers.reshape(-1, 4), has_bbox


# np.fromiter needs no look at the values before it starts: twice as fast as np.array. It stops
# at what is no number of its type.
def _areas(values: Sequence[float | None]) -> npt.NDArray[np.float64]:
    try:
        return np.fromiter(values, np.float64, len(values))
    except TypeError:
        known = [NOT_A_NUMBER if area is None else area for area in values]
        return np.array(known, np.float64)


def _crowds(values: Sequence[float | None]) -> npt.NDArray[np.int8]:
    if not set(values) <= {0, 1}:
        values = [-1 if crowd is None else bool(crowd) for crowd in values]
    return np.fromiter(values, np.int8, len(values))


def _marks(values: Sequence[float | None]) -> npt.NDArray[np.bool_]:
    return np.array(values, np.bool_) if any(values) else np.zeros(len(values), np.bool_)


def _ids(values: Sequence[RecordId | None]) -> IdColumn:
    if not set(map(type, values)) <= {int}:
        return values
    try:
        return np.fromiter(values, np.int64, len(values))
    except OverflowError:
        return values
