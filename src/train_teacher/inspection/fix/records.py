"""Changes by `inspect-data --fix`: only what is decidable, record by record, all logged.

Nothing here touches a file: typed columns and the findings in, changed records and a log out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from train_teacher.coco.categories import dummy_categories
from train_teacher.coco.dataset import (
    CategoryRecord,
    CocoDataset,
    ImageRecord,
    RecordId,
    Section,
)
from train_teacher.images.facts import ImageFiles
from train_teacher.inspection.checks.file_checks import OF_OTHER_KIND
from train_teacher.inspection.fix.image_sizes import SettledSizes
from train_teacher.prompts.caption import canonical_name, reads_as, visible_name

Record = dict[str, Any]
WHAT_IS_DONE = {
    "F2": "text written as plain UTF-8 JSON",
    "F5": "values of the wrong type converted or removed",
    "F7": "references written like the ids they point to; text ids of annotations numbered",
    "F8": "width and height taken from the image file",
    "F9": "file_name taken from coco_url",
    "R1": "the second of two equal image records removed; images with another's id given theirs",
    "R2": "all annotations numbered from 1, because these ids repeat or are missing",
    "R3": "all annotations numbered from 1, because this id was 0",
    "R4": "the second of two equal categories removed",
    "R5": "image_id corrected for the whole file; else annotations of unlisted images removed",
    "R6": "category_id corrected for the whole file: counted from another start, or class names",
    "R9": "images with the same file merged",
    "N3": "categories with the same name merged",
    "N4": "full stops and question marks in names replaced by spaces",
    "N8": "stray spaces and invisible characters removed from names",
    "N12": "the exporter's root or background category removed",
    "B1": "boxes drawn from another corner corrected; those without width or height removed",
    "B2": "boxes under one pixel removed",
    "B3": "normalized boxes turned into x,y,width,height in pixels",
    "B4": "x1,y1,x2,y2 turned into x,y,width,height",
    "B5": "center x,y turned into the corner's",
    "B6": "boxes cut at the edge of the image; those outside removed",
    "B7": "boxes with NaN, infinite or huge numbers removed",
    "B8": "boxes taken from the mask; annotations with neither removed",
    "B9": "area filled in",
    "B10": "area of 0 or less filled in",
    "B12": "iscrowd set to 0 where it was missing",
    "B14": "exact copies of a box of the same class removed",
    "I3": "sizes taken from the image files; boxes drawn at another size brought to it",
    "M1": "polygons of fewer than 3 points or an odd count of numbers removed; text in them made "
    "numbers",
    "M2": "masks written in COCO's form",
    "I9": "file_name corrected to the real name of the file",
}


class Change(msgspec.Struct, frozen=True):
    """One kind of change."""

    code: str
    what: str
    count: int
    ids: tuple[RecordId | None, ...]
    """Of the records changed or removed, as they were in the input."""


class ChangeLog:
    """Collects the changes, by code."""

    def __init__(self) -> None:
        """Start with nothing."""
        self._ids: dict[str, list[RecordId | None]] = defaultdict(list)

    def note(self, code: str, id_: RecordId | None) -> None:
        """Note that a record was changed or removed."""
        self._ids[code].append(id_)

    def changes(self) -> tuple[Change, ...]:
        """Return all of them, by code."""
        return tuple(
            Change(code, WHAT_IS_DONE[code], len(ids), tuple(ids))
            for code, ids in sorted(self._ids.items())
        )


@dataclass(frozen=True)
class RepairInput:
    """A file, with the facts from its images."""

    dataset: CocoDataset
    files: ImageFiles
    sizes: npt.NDArray[np.float64]
    """(M, 2) width and height in pixels, from the JSON or else the file, NaN if unknown."""


def retyped(dataset: CocoDataset, section: Section) -> frozenset[int]:
    """Return the JSON indices of the records of which a value was converted when read."""
    return frozenset(
        problem.index
        for problem in dataset.problems
        if problem.section == section
        and problem.repairable
        and not problem.message.endswith(OF_OTHER_KIND)
    )


def ignored_members(dataset: CocoDataset, section: Section) -> dict[int, set[str]]:
    """Return, by JSON index, the members that records were read without."""
    members: dict[int, set[str]] = defaultdict(set)
    for problem in dataset.problems:
        if problem.section == section and problem.outcome == "ignored":
            members[problem.index].add(problem.member)
    return members


def without(record: Record, members: Collection[str]) -> Record:
    """Return a copy of a record that lacks some members."""
    return {key: value for key, value in record.items() if key not in members}


def unread(
    records: Sequence[Any], read: Sequence[ImageRecord] | Sequence[CategoryRecord]
) -> dict[int, Any]:
    """Return, by JSON index, the entries of a section that could not be read."""
    known = {record.index for record in read}
    return {index: record for index, record in enumerate(records) if index not in known}


def id_of(record: Any) -> RecordId | None:
    """Return the id of a record that may be anything."""
    id_ = record.get("id") if isinstance(record, dict) else None
    return id_ if isinstance(id_, int | str) else None


def repaired_categories(
    given: RepairInput, used: CocoDataset, records: Sequence[Any], log: ChangeLog
) -> tuple[list[Any], dict[int, RecordId]]:
    """Return the categories, and by category row the id that its annotations get.

    Those that could not be read are returned as they stand.

    Args:
        given: the input.
        used: the same, with the categories that the kept annotations have.
        records: the entries of `categories`, by JSON index.
        log: grows.
    """
    categories = given.dataset.categories
    dummies = {category.index for category in dummy_categories(used)}
    converted = retyped(given.dataset, "categories")
    names = _repaired_names([category.name for category in categories])
    ignored = ignored_members(given.dataset, "categories")
    kept = unread(records, categories)
    ids: dict[int, RecordId] = {}
    by_name: dict[str, RecordId] = {}
    for row, category in enumerate(categories):
        if category.index in dummies:
            log.note("N12", category.id)
            continue
        name = names[row]
        # Names of which nothing is visible are not alike: what they should be is unknown (N1).
        if name in by_name and visible_name(name):
            same_id = by_name[name] == category.id
            log.note("R4" if same_id else "N3", category.id)
            ids[row] = by_name[name]
            continue
        visible = visible_name(category.name) or category.name
        if visible != category.name:
            log.note("N8", category.id)
        if name != visible:
            log.note("N4", category.id)
        if category.index in converted:
            log.note("F5", category.id)
        by_name[name] = ids[row] = category.id
        record = without(records[category.index], ignored.get(category.index, ()))
        kept[category.index] = {**record, "id": category.id, "name": name}
    return [kept[index] for index in sorted(kept)], ids


def _repaired_names(names: Sequence[str]) -> list[str]:
    """Return names without stray characters and, where they stay apart, without separators."""
    visible = [visible_name(name) or name for name in names]
    plain = [canonical_name(name) or name for name in visible]
    owners: dict[str, set[str]] = defaultdict(set)
    for name, before in zip(plain, visible, strict=True):
        owners[reads_as(name)].add(before)
    return [
        name if len(owners[reads_as(name)]) == 1 else before
        for name, before in zip(plain, visible, strict=True)
    ]


def repaired_images(
    given: RepairInput,
    sizes: SettledSizes,
    meant: Mapping[int, RecordId],
    records: Sequence[Any],
    log: ChangeLog,
) -> tuple[list[Any], dict[int, RecordId]]:
    """Return the images, and by image row the id that its annotations get.

    Those that could not be read are returned as they stand.

    Args:
        given: the input.
        sizes: the sizes that images get.
        meant: ids of images that had another's, by image row.
        records: the entries of `images`, by JSON index.
        log: grows.
    """
    converted = retyped(given.dataset, "images")
    ignored = ignored_members(given.dataset, "images")
    kept = unread(records, given.dataset.images)
    ids: dict[int, RecordId] = {}
    first: dict[tuple[str, tuple[int, int] | None], RecordId] = {}
    for row, image in enumerate(given.dataset.images):
        name = given.files.name_of(row, image.file_name)
        size = _size(sizes.sizes[row])
        if (name, size) in first:
            known = first[name, size]
            log.note("R1" if known == image.id else "R9", image.id)
            ids[row] = known
            continue
        record = without(records[image.index], ignored.get(image.index, ()))
        record["id"] = image.id
        if row in meant:
            log.note("R1", id_of(records[image.index]))
        if sizes.corrected[row]:
            log.note("I3", image.id)
        if not record.get("file_name"):
            log.note("F9", image.id)
        elif name != image.file_name:
            log.note("I9", image.id)
        if image.index in converted:
            log.note("F5", image.id)
            _set_sides(record, image)
        lacking = image.width is None or image.height is None
        if size and (lacking or sizes.corrected[row]):
            record["width"], record["height"] = size
            if lacking:
                log.note("F8", image.id)
        record["file_name"] = name
        first[name, size] = ids[row] = image.id
        kept[image.index] = record
    return [kept[index] for index in sorted(kept)], ids


def _set_sides(record: Record, image: ImageRecord) -> None:
    """Write width and height as they were understood."""
    for key, side in (("width", image.width), ("height", image.height)):
        if side is not None:
            record[key] = side
        elif isinstance(record.get(key), str):
            del record[key]  # "NaN" is a number that is none


def _size(size: npt.NDArray[np.float64]) -> tuple[int, int] | None:
    width, height = size.tolist()
    return (int(width), int(height)) if np.isfinite(size).all() else None
