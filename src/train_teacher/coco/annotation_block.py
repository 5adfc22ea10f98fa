"""The columns of a run of annotations, and several runs put together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from train_teacher.coco.dataset import IdColumn, RecordProblem
from train_teacher.coco.masks.columns import MaskColumns


@dataclass(frozen=True)
class AnnotationBlock:
    """The columns of one block of records; ids are not looked up yet."""

    records: int
    """Entries of the block, readable or not."""
    index: npt.NDArray[np.int64]
    ids: IdColumn
    image_ids: IdColumn
    category_ids: IdColumn
    bbox: npt.NDArray[np.float64]
    has_bbox: npt.NDArray[np.bool_]
    area: npt.NDArray[np.float64]
    iscrowd: npt.NDArray[np.int8]
    ignore: npt.NDArray[np.bool_]
    masks: MaskColumns
    problems: tuple[RecordProblem, ...] = ()


def join_blocks(blocks: Sequence[AnnotationBlock]) -> AnnotationBlock:
    """Return several blocks as one, the positions counted from the first record of the first."""
    starts = np.cumsum([0, *(block.records for block in blocks)]).tolist()
    shifted = [b.index + start for b, start in zip(blocks, starts, strict=False)]
    problems = tuple(
        _shifted(problem, start)
        for block, start in zip(blocks, starts, strict=False)
        for problem in block.problems
    )
    return AnnotationBlock(
        records=starts[-1],
        index=_joined(shifted, np.int64),
        ids=_joined_ids([b.ids for b in blocks]),
        image_ids=_joined_ids([b.image_ids for b in blocks]),
        category_ids=_joined_ids([b.category_ids for b in blocks]),
        # Column by column in memory: checks look at one side of all boxes at a time.
        bbox=np.asfortranarray(_joined([b.bbox for b in blocks], np.float64).reshape(-1, 4)),
        has_bbox=_joined([b.has_bbox for b in blocks], np.bool_),
        area=_joined([b.area for b in blocks], np.float64),
        iscrowd=_joined([b.iscrowd for b in blocks], np.int8),
        ignore=_joined([b.ignore for b in blocks], np.bool_),
        masks=_joined_masks([b.masks for b in blocks]),
        problems=problems,
    )


def _shifted(problem: RecordProblem, start: int) -> RecordProblem:
    before = f"[{problem.index}]"
    return msgspec.structs.replace(
        problem,
        index=problem.index + start,
        path=problem.path.replace(before, f"[{problem.index + start}]", 1),
    )


def _joined(arrays: Sequence[npt.NDArray[Any]], kind: type) -> npt.NDArray[Any]:
    return np.concatenate(arrays) if arrays else np.empty(0, kind)


def _joined_ids(columns: Sequence[IdColumn]) -> IdColumn:
    arrays = [column for column in columns if isinstance(column, np.ndarray)]
    if len(arrays) == len(columns):
        return _joined(arrays, np.int64)
    return [
        id_
        for column in columns
        for id_ in (column.tolist() if isinstance(column, np.ndarray) else column)
    ]


def _joined_masks(masks: Sequence[MaskColumns]) -> MaskColumns:
    return MaskColumns(
        kind=_joined([m.kind for m in masks], np.int8),
        flags=_joined([m.flags for m in masks], np.uint8),
        bounds=np.asfortranarray(_joined([m.bounds for m in masks], np.float32).reshape(-1, 4)),
        area=_joined([m.area for m in masks], np.float32),
        polygons=_joined([m.polygons for m in masks], np.int32),
        points=_joined([m.points for m in masks], np.int32),
        rle_size=_joined([m.rle_size for m in masks], np.int64).reshape(-1, 2),
    )
