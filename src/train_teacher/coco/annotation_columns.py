"""Conversion of annotation records to columns, a block of records at a time.

There are three readers, each slower than the one before and taking what that one does not: of
polygons without a mistake, of types without a mistake, and record by record, so that every other
record is kept and every mistake is reported with its path.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import chain
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from train_teacher.coco.annotation_decoder import POINT, parse_block
from train_teacher.coco.dataset import AnnotationValues, IdColumn, RecordId, RecordProblem
from train_teacher.coco.masks.columns import MaskColumns
from train_teacher.coco.masks.measures import (
    Polygons,
    RunLengths,
    flag_masks_apart,
    measure_masks,
    measure_packed,
    read_untyped,
)
from train_teacher.coco.record_decoder import NOT_A_NUMBER, AnnotationEntry, RecordReader

_NO_BOX = (NOT_A_NUMBER,) * 4


class _TypedAnnotation(AnnotationEntry, gc=False):
    """An annotation without a mistake; tuples cost a fifth less than lists."""

    segmentation: Polygons | RunLengths | None = None


@dataclass(frozen=True)
class AnnotationBlock(AnnotationValues):
    """One block of records; ids are not looked up yet."""

    records: int
    """Entries of the block, readable or not."""
    problems: tuple[RecordProblem, ...] = ()


_decode_block = msgspec.json.Decoder(list[_TypedAnnotation]).decode


def read_text_block(text: bytes) -> AnnotationBlock:
    """Return the columns of annotations.

    Args:
        text: a JSON list of them.

    Raises:
        msgspec.DecodeError: it is not a list in JSON; a mistake in a record is no error.
    """
    parsed = parse_block(text)
    if parsed is not None:
        rows = len(parsed.entries)
        measured = measure_packed(rows, parsed.polygons, parsed.run_lengths)
        return _block(rows, np.arange(rows), parsed.entries, measured)
    try:
        entries: Sequence[AnnotationEntry] = _decode_block(text)
        if not any(_has_points(entry.segmentation) for entry in entries):
            masks = measure_masks([entry.segmentation for entry in entries])
            return _block(len(entries), np.arange(len(entries)), entries, masks)
    except (msgspec.ValidationError, UnicodeError, RecursionError):
        pass
    return read_record_block(msgspec.json.decode(text, type=list[msgspec.Raw]))


def _has_points(mask: Polygons | RunLengths | None) -> bool:
    return isinstance(mask, list) and any(len(part) == POINT for part in mask)


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
    return _block(len(records), np.array(index, np.int64), entries, measured, tuple(problems))


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
    entries: Sequence[AnnotationEntry],
    masks: MaskColumns,
    problems: tuple[RecordProblem, ...] = (),
) -> AnnotationBlock:
    bbox, has_bbox = _boxes([entry.bbox for entry in entries])
    flag_masks_apart(masks, bbox, has_bbox)
    return AnnotationBlock(
        records=records,
        index=index,
        ids=_ids([entry.id for entry in entries]),
        image_ids=_ids([entry.image_id for entry in entries]),
        category_ids=_ids([entry.category_id for entry in entries]),
        bbox=bbox,
        has_bbox=has_bbox,
        area=_areas([entry.area for entry in entries]),
        iscrowd=_crowds([entry.iscrowd for entry in entries]),
        ignore=_marks([entry.ignore for entry in entries]),
        masks=masks,
        problems=problems,
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
# at a value of another type.
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


def join_blocks(blocks: Sequence[AnnotationBlock]) -> AnnotationBlock:
    """Return several blocks as one, the positions counted from the first record of the first."""
    blocks = blocks or [read_record_block(())]
    starts = np.cumsum([0, *(block.records for block in blocks)]).tolist()
    columns = {
        each.name: _joined([getattr(block, each.name) for block in blocks])
        for each in fields(AnnotationValues)
    }
    columns["index"] += np.repeat(starts[:-1], [len(block.index) for block in blocks])
    problems = tuple(
        _shifted(problem, start)
        for block, start in zip(blocks, starts, strict=False)
        for problem in block.problems
    )
    return AnnotationBlock(**columns, records=starts[-1], problems=problems)


def _shifted(problem: RecordProblem, start: int) -> RecordProblem:
    before = f"[{problem.index}]"
    return msgspec.structs.replace(
        problem,
        index=problem.index + start,
        path=problem.path.replace(before, f"[{problem.index + start}]", 1),
    )


def _joined(parts: Sequence[Any]) -> Any:
    """Return a column of all blocks: an array, a list of ids, or the columns of masks."""
    if isinstance(parts[0], MaskColumns):
        names = [each.name for each in fields(MaskColumns)]
        return MaskColumns(**{name: _joined([getattr(p, name) for p in parts]) for name in names})
    if all(isinstance(part, np.ndarray) for part in parts):
        # Column by column in memory: checks look at one side of all boxes at a time.
        return np.concatenate([part.T for part in parts], axis=-1).T
    arrays_as_lists = (p.tolist() if isinstance(p, np.ndarray) else p for p in parts)
    return list(chain.from_iterable(arrays_as_lists))
