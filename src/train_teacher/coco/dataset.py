"""COCO records as read: images and categories as records, annotations as columns."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
import numpy.typing as npt

from train_teacher.coco.masks.boxes import mask_box
from train_teacher.coco.masks.columns import MASK_NONE, MASK_RLE, MaskColumns

RecordId = int | str
Section = Literal["images", "annotations", "categories"]
Outcome = Literal["converted", "ignored", "lost"]


IdColumn = npt.NDArray[np.int64] | Sequence[RecordId | None]
"""Ids of N records: an array where all are whole numbers, else a list."""


class ImageRecord(msgspec.Struct, frozen=True, gc=False):
    """One entry of `images`; holds nothing that the garbage collector could free."""

    index: int
    """Position in the JSON list."""
    id: RecordId
    file_name: str
    width: int | None
    """Pixels; None when absent, null or not positive."""
    height: int | None


class CategoryRecord(msgspec.Struct, frozen=True):
    """One entry of `categories`."""

    index: int
    id: RecordId
    name: str
    supercategory: str | None


class RecordProblem(msgspec.Struct, frozen=True):
    """A value of a record that could not be read as written."""

    section: Section
    index: int
    path: str
    """JSON path of the value, such as `annotations[59].bbox[0]`."""
    message: str
    """The expected kind of value."""
    value: str
    outcome: Outcome
    """converted: the value was understood anyway (a number as text); ignored: the record is read
    as if it did not have the value; lost: the whole record is left out."""

    @property
    def repairable(self) -> bool:
        """True when the record is kept."""
        return self.outcome != "lost"

    @property
    def member(self) -> str:
        """The member of the record that holds the value, empty when it is the record itself."""
        inside = self.path.removeprefix(f"{self.section}[{self.index}]").removeprefix(".")
        return re.split(r"[.\[]", inside, maxsplit=1)[0]


@dataclass(frozen=True)
class AnnotationValues:
    """Columns of N annotations, as far as they could be read, in JSON order."""

    index: npt.NDArray[np.int64]
    """(N,) position in the JSON list."""
    ids: IdColumn
    image_ids: IdColumn
    category_ids: IdColumn
    bbox: npt.NDArray[np.float64]
    """(N, 4) xywh, pixels; a row of NaN where `has_bbox` is False."""
    has_bbox: npt.NDArray[np.bool_]
    area: npt.NDArray[np.float64]
    """(N,) square pixels, NaN where absent."""
    iscrowd: npt.NDArray[np.int8]
    """(N,) 0 or 1, -1 where absent."""
    ignore: npt.NDArray[np.bool_]
    masks: MaskColumns


@dataclass(frozen=True)
class AnnotationColumns(AnnotationValues):
    """The same, with the image and the category of each."""

    image_row: npt.NDArray[np.int64]
    """(N,) row of `CocoDataset.images`, -1 when no image has that id."""
    category_row: npt.NDArray[np.int64]
    """(N,) row of `CocoDataset.categories`, -1 when no category has that id."""

    def __len__(self) -> int:
        """Return N."""
        return len(self.index)


@dataclass(frozen=True)
class CocoDataset:
    """One COCO JSON, read tolerantly, with the records that could not be read."""

    path: Path
    images: tuple[ImageRecord, ...]
    categories: tuple[CategoryRecord, ...]
    annotations: AnnotationColumns
    raw_annotations: Sequence[msgspec.Raw | dict[str, Any]]
    """Every entry of `annotations` as it stands in the file, by JSON index."""
    info: dict[str, Any] = field(default_factory=dict)
    licenses: tuple[Any, ...] = ()
    problems: tuple[RecordProblem, ...] = ()
    names_from_addresses: int = 0
    """Images without `file_name` whose name was taken from `coco_url`."""
    encoding_note: str | None = None
    """Repairs needed to read the bytes (BOM, NaN, UTF-16), None without any."""
    encoding_doubt: str | None = None
    """Reason to doubt the letters, with the readings of other encodings."""
    encoding: str | None = None
    """Of its text, where the user named it."""


def used_categories(dataset: CocoDataset) -> set[int]:
    """Return the rows of the categories that an annotation has."""
    rows = dataset.annotations.category_row
    counts = np.bincount(rows[rows >= 0], minlength=len(dataset.categories))
    return set(np.flatnonzero(counts).tolist())


def plain_id(id_: RecordId | np.integer[Any] | None) -> RecordId | None:
    """Return an id of an `IdColumn` as the JSON has it."""
    return int(id_) if isinstance(id_, np.integer) else id_


def image_sizes(
    dataset: CocoDataset, read_from_files: Mapping[int, tuple[int, int]] | None = None
) -> npt.NDArray[np.float64]:
    """Return (M, 2) width and height in pixels, NaN where unknown.

    Args:
        dataset: the data set.
        read_from_files: sizes found in image headers, by image row, for images without one.
    """
    images = dataset.images
    widths = _sides([image.width for image in images])
    sizes = np.column_stack([widths, _sides([image.height for image in images])])
    for row, size in (read_from_files or {}).items():
        if np.isnan(sizes[row]).any():
            sizes[row] = size
    return sizes


def _sides(values: Sequence[int | None]) -> npt.NDArray[np.float64]:
    try:
        sides = np.fromiter(values, np.float64, len(values))
    except TypeError:  # of a None
        sides = np.array([value or np.nan for value in values], np.float64)
    sides[sides == 0] = np.nan
    return sides


def sizes_of_annotations(
    dataset: CocoDataset,
    sizes: npt.NDArray[np.float64],
    annotations: npt.NDArray[np.int64] | None = None,
) -> npt.NDArray[np.float64]:
    """Return (N, 2) width and height of the image of each annotation, NaN where it is unknown.

    Args:
        dataset: the data set.
        sizes: (M, 2) pixels by image row.
        annotations: rows of those to look at, all of them when left out.
    """
    rows = dataset.annotations.image_row
    rows = rows if annotations is None else rows[annotations]
    here = np.empty((len(rows), 2), np.float64, order="F")
    for column in range(2):
        here[:, column] = np.append(sizes[:, column], np.nan)[rows]
    return here


def boxes_with_derived(
    dataset: CocoDataset, sizes: npt.NDArray[np.float64] | None = None
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Return the boxes, taken from the masks where `bbox` is missing.

    Args:
        dataset: the data set.
        sizes: (M, 2) width and height in pixels by image row, NaN where unknown; the JSON's when
            None. Run lengths for an image of another size tell no box.

    Returns:
        (N, 4) xywh in pixels, a row of NaN where there is neither, not to be written to;
        (N,) True where it was derived.
    """
    columns = dataset.annotations
    derived = np.zeros(len(columns), np.bool_)
    if columns.has_bbox.all():
        return columns.bbox, derived
    masks = columns.masks
    rows = np.flatnonzero(~columns.has_bbox & (masks.kind != MASK_NONE))
    here = sizes_of_annotations(dataset, image_sizes(dataset) if sizes is None else sizes, rows)
    written = masks.rle_size[rows, ::-1]
    fits = ((written == here) | np.isnan(here)).all(axis=1) | (masks.kind[rows] != MASK_RLE)
    boxes = columns.bbox.copy()
    for position in rows[fits].tolist():
        box = mask_box(raw_annotation(dataset, position).get("segmentation"))
        if box is not None:
            boxes[position] = box
            derived[position] = True
    return boxes, derived


def plain_value(raw: Any) -> Any:
    """Return an entry of a section decoded, whatever numbers it holds; None when that fails.

    Args:
        raw: JSON, or what is decoded already.
    """
    if not isinstance(raw, msgspec.Raw | bytes):
        return raw
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        try:  # 1e999, which other readers take for infinity
            return json.loads(bytes(raw))
        except (ValueError, RecursionError):
            return None


def plain_record(raw: Any) -> dict[str, Any]:
    """Return an entry of a section decoded; empty when it is no object."""
    record = plain_value(raw)
    return record if isinstance(record, dict) else {}


def raw_annotation(dataset: CocoDataset, position: int) -> dict[str, Any]:
    """Return one annotation decoded as it stands in the file.

    Args:
        dataset: the data set.
        position: row of the columns, not the JSON index.
    """
    return plain_record(dataset.raw_annotations[int(dataset.annotations.index[position])])
