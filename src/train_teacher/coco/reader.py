"""Tolerant reading of a COCO JSON: every bad record is found in one run, every good one kept.

The top level is split into undecoded records, blocks of them are decoded with fixed types, and no
Python object outlives its row in the columns. That is also why it is several times faster than
loading the whole object tree.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from train_teacher.coco.annotation_columns import (
    AnnotationBlock,
    join_blocks,
    read_record_block,
    read_text_block,
)
from train_teacher.coco.box_forms import ROTATED, other_form, upright_boxes
from train_teacher.coco.dataset import (
    AnnotationColumns,
    AnnotationValues,
    CategoryRecord,
    CocoDataset,
    IdColumn,
    ImageRecord,
    RecordId,
    RecordProblem,
    plain_id,
    plain_record,
)
from train_teacher.coco.foreign_formats import name_annotation_format
from train_teacher.coco.large_file import LargeFile, MappedRecords, open_large_file, reading_blocks
from train_teacher.coco.masks.columns import MASK_NONE
from train_teacher.coco.record_decoder import (
    AnnotationEntry,
    CategoryEntry,
    ImageEntry,
    RecordReader,
)
from train_teacher.coco.text import TopLevel, read_top_level
from train_teacher.core.errors import UserError

MAX_PIXELS = 2**31
MAX_ID = 2**63
BLOCK_RECORDS = 2048
PEEKED_ANNOTATIONS = 50
SPARE_DEPTH = 150
_LIKE_FILE_NAME = "filename fileName image_path img_path path image_name image name".split()
"""Members that other exporters have for it."""
SPREAD = 4
"""Up to so many times as many numbers as ids, a table is faster than bisection."""
_COCO_URL = "http://images.cocodataset.org/"


@dataclass(frozen=True)
class _Lists:
    """The records other than annotations, with their problems."""

    images: tuple[ImageRecord, ...]
    categories: tuple[CategoryRecord, ...]
    problems: list[RecordProblem]
    names_from_addresses: int


def read_coco(path: Path | str, encoding: str | None = None) -> CocoDataset:
    """Read one COCO JSON.

    Args:
        path: the file; gzip, byte order marks, UTF-16 and NaN are understood.
        encoding: of its text, None to find it out.

    Raises:
        UserError: nothing can be read from it (F1), it is another format (F3), or `images`,
            `annotations` or `categories` is missing (F4).
    """
    path = Path(path)
    with _without_garbage_collection(), _with_depth_to_spare(), np.errstate(all="ignore"):
        large = open_large_file(path) if encoding is None else None
        if large is not None:
            try:
                return _read_large(path, large)
            except (msgspec.DecodeError, RecursionError):
                pass  # laid out in an unusual way
        top = read_top_level(path, encoding)
        block = join_blocks(list(_blocks(top.annotations)))
        dataset = _dataset(path, top, _read_lists(top), top.annotations, block)
        return replace(dataset, encoding=encoding, encoding_doubt=top.doubt)


def _read_large(path: Path, large: LargeFile) -> CocoDataset:
    with reading_blocks(large) as coming:
        lists = _read_lists(large.top)
        blocks = list(coming)
    records = MappedRecords(large, [block.records for block in blocks])
    return _dataset(path, large.top, lists, records, join_blocks(blocks))


def _blocks(records: Sequence[Any]) -> Iterator[AnnotationBlock]:
    for start in range(0, len(records), BLOCK_RECORDS):
        part = records[start : start + BLOCK_RECORDS]
        if all(isinstance(record, msgspec.Raw) for record in part):
            try:
                yield read_text_block(b"[" + b",".join(part) + b"]")
                continue
            except RecursionError:
                pass  # nested so deeply that a few calls more or less decide
        yield read_record_block(part)


def _read_lists(top: TopLevel) -> _Lists:
    problems = list(top.problems)
    from_addresses: list[int] = []
    images = tuple(_images(top.images, problems, from_addresses))
    categories = tuple(_categories(top.categories, problems))
    return _Lists(images, categories, problems, len(from_addresses))


def _dataset(
    path: Path, top: TopLevel, lists: _Lists, records: Sequence[Any], block: AnnotationBlock
) -> CocoDataset:
    _refuse_files_without_boxes(path, records, block)
    problems = [*lists.problems, *block.problems]
    columns = _annotation_columns(block, lists.images, lists.categories, problems)
    columns, problems = _with_rotated(columns, problems, lists.images, records)
    return CocoDataset(
        path=path,
        images=lists.images,
        categories=lists.categories,
        annotations=columns,
        raw_annotations=records,
        info=top.info,
        licenses=top.licenses,
        problems=tuple(problems),
        names_from_addresses=lists.names_from_addresses,
        encoding_note=top.note,
    )


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Pause the garbage collector: a million new objects cannot be garbage."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@contextmanager
def _with_depth_to_spare() -> Iterator[None]:
    """Refuse nesting that could be read here but not again, from deeper in the program."""
    limit = sys.getrecursionlimit()
    with suppress(RecursionError):  # the caller is near the limit itself
        sys.setrecursionlimit(limit - SPARE_DEPTH)
    try:
        yield
    finally:
        sys.setrecursionlimit(limit)


def _refuse_files_without_boxes(path: Path, records: Sequence[Any], block: AnnotationBlock) -> None:
    """Refuse captions and the like, where not one annotation has a box or a mask."""
    boxes = block.has_bbox.any() or block.masks.kind.any()
    if boxes or any(problem.member == "bbox" for problem in block.problems):
        return
    kinds = (name_annotation_format(plain_record(r)) for r in records[:PEEKED_ANNOTATIONS])
    foreign = next(filter(None, kinds), None)
    if foreign:
        raise UserError(f"{path}: F3 {foreign}")


def _images(
    records: Sequence[Any], problems: list[RecordProblem], from_addresses: list[int]
) -> Iterator[ImageRecord]:
    reader = RecordReader(ImageEntry, "images", problems)
    for index, entry in reader.read_all(records):
        name = entry.file_name
        if not name:
            address = entry.coco_url or ""
            # "n/a" is no address.
            name = address.removeprefix(_COCO_URL) if "." in address.rpartition("/")[2] else ""
            if not name:
                what = _no_name(entry, plain_record(records[index]))
                reader.report(index, "file_name", what, "", "lost")
                continue
            from_addresses.append(index)
        # Positions, not names: a third less time for each of a hundred thousand images.
        yield ImageRecord(index, entry.id, name, _pixels(entry.width), _pixels(entry.height))


def _no_name(entry: ImageEntry, record: Mapping[str, Any]) -> str:
    for other in _LIKE_FILE_NAME:
        if isinstance(record.get(other), str) and record[other]:
            return f"missing, the record has `{other}`: call it file_name"
    if entry.file_name is None:
        return "missing: the image cannot be found"
    return "empty (as V7 Darwin exports it): the image cannot be found"


def _pixels(value: float | None) -> int | None:
    if value is None or not 0 < value < MAX_PIXELS:
        return None
    return value if type(value) is int else round(value) or None


def _categories(records: Sequence[Any], problems: list[RecordProblem]) -> Iterator[CategoryRecord]:
    reader = RecordReader(CategoryEntry, "categories", problems)
    for index, entry in reader.read_all(records):
        parent = entry.supercategory
        yield CategoryRecord(
            index=index,
            id=entry.id,
            name=entry.name,
            supercategory=parent if isinstance(parent, str) else None,
        )


def _annotation_columns(
    block: AnnotationBlock,
    images: tuple[ImageRecord, ...],
    categories: tuple[CategoryRecord, ...],
    problems: list[RecordProblem],
) -> AnnotationColumns:
    reader = RecordReader(AnnotationEntry, "annotations", problems)
    image_ids, category_ids = [i.id for i in images], [c.id for c in categories]
    return AnnotationColumns(
        **{each.name: getattr(block, each.name) for each in fields(AnnotationValues)},
        image_row=_rows(block, "image_id", block.image_ids, image_ids, reader),
        category_row=_rows(block, "category_id", block.category_ids, category_ids, reader),
    )


def _with_rotated(
    columns: AnnotationColumns,
    problems: list[RecordProblem],
    images: Sequence[ImageRecord],
    records: Sequence[Any],
) -> tuple[AnnotationColumns, list[RecordProblem]]:
    """Return the columns with upright boxes in place of rotated ones, and the problems found."""
    if not any(problem.message == ROTATED for problem in problems):
        return columns, problems
    # The bounds of a mask are surer than what an angle may mean.
    bare = set(columns.index[columns.masks.kind == MASK_NONE].tolist())
    found = [n for n, problem in enumerate(problems) if problem.message == ROTATED]
    hits = {n for n in found if problems[n].index in bare}
    if not hits:
        return columns, problems
    indices = [problems[n].index for n in found]
    forms = [other_form(plain_record(records[index]).get("bbox")) for index in indices]
    rotated = np.array([form.numbers for form in forms if form], np.float64)
    rows = np.searchsorted(columns.index, indices)
    sides = [(image.width or np.nan, image.height or np.nan) for image in images]
    here = np.array([*sides, (np.nan, np.nan)], np.float64)[columns.image_row[rows]]
    boxes, how = upright_boxes(rotated, here, columns.area[rows])
    bbox, has_bbox = columns.bbox.copy(order="F"), columns.has_bbox.copy()
    taken = np.array([n in hits for n in found])
    bbox[rows[taken]], has_bbox[rows[taken]] = boxes[taken], True
    told = [
        msgspec.structs.replace(p, message=how, outcome="converted") if n in hits else p
        for n, p in enumerate(problems)
    ]
    return replace(columns, bbox=bbox, has_bbox=has_bbox), told


def _rows(
    block: AnnotationBlock,
    key: str,
    wanted: IdColumn,
    known: Sequence[RecordId],
    reader: RecordReader[AnnotationEntry],
) -> npt.NDArray[np.int64]:
    """Return the row of each id, -1 where it is unknown; "7" is taken for 7 and reported."""
    rows = _rows_of_numbers(wanted, known)
    if rows is None:
        # The last of two equal ids wins, as it does in pycocotools.
        row_of: dict[RecordId | None, int] = {id_: row for row, id_ in enumerate(known)}
        rows = np.fromiter((row_of.get(id_, -1) for id_ in wanted), np.int64, len(wanted))
    unknown = np.flatnonzero(rows < 0).tolist()
    by_text = {str(id_): row for row, id_ in enumerate(known)} if unknown else {}
    whole = {id_: row for row, id_ in enumerate(known) if unknown and isinstance(id_, int)}
    for position in unknown:
        id_ = plain_id(wanted[position])
        text = "" if id_ is None else str(id_).strip()
        row = by_text.get(text, -1)
        if row < 0 and text.isdecimal() and text.startswith("0"):
            row = whole.get(int(text), -1)  # "000000000012", as COCO's file names have it
        elif row < 0 and text.endswith(".0"):
            row = by_text.get(text[:-2], -1)  # "12.0", as pandas writes it
        if row >= 0:
            rows[position] = row
            kind = "text" if isinstance(known[row], str) else "a number"
            reader.report(
                int(block.index[position]),
                key,
                f"should be {kind}, as in the list",
                repr(id_),
                "converted",
            )
    return rows


def _rows_of_numbers(wanted: IdColumn, known: Sequence[RecordId]) -> npt.NDArray[np.int64] | None:
    """Return the rows when all ids are numbers, without a dictionary: it is ten times slower."""
    if not isinstance(wanted, np.ndarray) or not known:
        return None
    if not all(type(id_) is int and abs(id_) < MAX_ID for id_ in known):
        return None
    ids = np.array(known, np.int64)
    lowest, highest = int(ids.min()), int(ids.max())
    if highest - lowest < SPREAD * (len(ids) + len(wanted)):
        # The last of two equal ids wins here too.
        table = np.full(highest - lowest + 1, -1)
        table[ids - lowest] = np.arange(len(ids))
        listed = (wanted >= lowest) & (wanted <= highest)
        return np.where(listed, table[np.clip(wanted, lowest, highest) - lowest], -1)
    order = np.argsort(ids, kind="stable")
    place = np.searchsorted(ids[order], wanted, side="right") - 1
    rows = order[np.maximum(place, 0)]
    return np.where((place >= 0) & (ids[rows] == wanted), rows, -1)
