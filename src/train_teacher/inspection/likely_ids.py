"""Ids and references whose mistake follows from the rest of the file."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import PurePosixPath
from typing import Literal

import msgspec
import numpy as np
import numpy.typing as npt

from train_teacher.coco.categories import dummy_categories
from train_teacher.coco.dataset import CocoDataset, RecordId, Section, plain_id
from train_teacher.core.arrays import Rows
from train_teacher.images.names import alike
from train_teacher.inspection.finding import TOLERATED_SHARE
from train_teacher.prompts.caption import reads_as, visible_name


def category_step(dataset: CocoDataset) -> int:
    """Return 1 or -1 when every `category_id` is one too low or too high, else 0."""
    columns = dataset.annotations
    ids = columns.category_ids
    unknown = columns.category_row < 0
    whole = [c.id for c in dataset.categories if isinstance(c.id, int)]
    if not unknown.any() or not isinstance(ids, np.ndarray) or not whole:
        return 0
    if _some_lost(dataset, "categories"):
        return 0
    low, high = min(whole), max(whole)
    found, used = set(ids[unknown].tolist()), set(ids.tolist())
    roots = {category.id for category in dummy_categories(dataset)}
    # Only a block that starts one beyond the list, and leaves the other end unused, tells its
    # mistake; an unused exporter's root at the lower end is no sign of one.
    if found == {low - 1} and high not in used:
        step = 1
    elif found == {high + 1} and low not in used | roots:
        step = -1
    else:
        return 0
    return step if all(id_ + step in set(whole) for id_ in used) else 0


def moved_category_rows(dataset: CocoDataset) -> Rows | None:
    """Return (N,) rows of the categories that were meant, None when nothing has to move."""
    step = category_step(dataset)
    if not step:
        return named_rows(dataset, "categories")
    row_of = {category.id: row for row, category in enumerate(dataset.categories)}
    ids = np.asarray(dataset.annotations.category_ids).tolist()
    return np.array([row_of[id_ + step] for id_ in ids], np.int64)


def _some_lost(dataset: CocoDataset, section: Section) -> bool:
    """Return whether records could not be read: unknown ids may be theirs, and no mistake."""
    return any(p.section == section and p.outcome == "lost" for p in dataset.problems)


LEAST_COVER = 0.9
"""Share of the listed ids that moved ids must be, for a shift to be no accident."""
LEAST_SHIFTED = 3


def image_step(dataset: CocoDataset) -> int:
    """Return the shift of every `image_id`, 0 without evidence.

    Ids counted from one lower or higher than the list are recognized by all being listed then;
    any other shift only when both ends meet.
    """
    columns = dataset.annotations
    ids = columns.image_ids
    listed = {image.id for image in dataset.images}
    if not (columns.image_row < 0).any() or not isinstance(ids, np.ndarray):
        return 0
    if _some_lost(dataset, "images"):
        return 0
    whole = {id_ for id_ in listed if isinstance(id_, int)}
    used = _used(ids, whole)
    if len(used) < max(LEAST_SHIFTED, LEAST_COVER * len(listed)) or not whole:
        return 0
    if {-id_ for id_ in used} <= whole:
        return 0  # their signs are wrong, not their start
    low, high = min(whole) - min(used), max(whole) - max(used)
    steps = [step for step in (low, high) if low == high or abs(step) == 1]
    return next((step for step in steps if {id_ + step for id_ in used} <= whole), 0)


def _used(ids: npt.NDArray[np.int64], listed: Collection[int]) -> set[int]:
    """Return the ids that are used, without a few that are far from every listed one."""
    far = (ids < min(listed, default=0) - 1) | (ids > max(listed, default=0) + 1)
    return set(np.unique(ids if far.mean() > TOLERATED_SHARE else ids[~far]).tolist())


def named_rows(dataset: CocoDataset, section: Literal["images", "categories"]) -> Rows | None:
    """Return (N,) rows of the records that annotations name by file or class name instead of id.

    None when more than a few of them name nothing, or the names are not each another's.
    """
    columns = dataset.annotations
    images = section == "images"
    ids = columns.image_ids if images else columns.category_ids
    rows = columns.image_row if images else columns.category_row
    if isinstance(ids, np.ndarray) or not len(ids) or (rows >= 0).any():
        return None
    names = [image.file_name for image in dataset.images]
    names = names if images else [category.name for category in dataset.categories]
    for spelt in _AS_FILES if images else _AS_CLASSES:
        row_of = {spelt(name): row for row, name in enumerate(names)}
        found = [row_of.get(spelt(id_), -1) if isinstance(id_, str) else -1 for id_ in ids]
        if len(row_of) == len(names) and found.count(-1) <= TOLERATED_SHARE * len(found):
            return np.array(found, np.int64)
    return None


def base_name(name: str) -> str:
    """Return a file's name without its folders."""
    return PurePosixPath(name.replace("\\", "/")).name


def stem(name: str) -> str:
    """Return a file's name without folders and ending."""
    return PurePosixPath(base_name(name)).stem


def _like_stem(name: str) -> str:
    return alike(stem(name))


_AS_FILES = (str, base_name, stem, _like_stem)
_AS_CLASSES = (str, visible_name, reads_as)


def meant_image_rows(dataset: CocoDataset) -> Rows | None:
    """Return (N,) rows of the images that were meant, None when nothing has to move."""
    step = image_step(dataset)
    if not step:
        return named_rows(dataset, "images")
    row_of = {image.id: row for row, image in enumerate(dataset.images)}
    ids = np.asarray(dataset.annotations.image_ids).tolist()
    return np.array([row_of.get(id_ + step, -1) for id_ in ids], np.int64)


def free_image_ids(dataset: CocoDataset) -> dict[int, int]:
    """Return the id that images were meant to have, by row, where another has theirs.

    That is certain when the ids ascend but for one of two images with the same id, no id is
    left out there but one that no image has, and annotations point to that one.
    """
    ids = [image.id for image in dataset.images if isinstance(image.id, int)]
    if len(ids) < len(dataset.images) or len(set(ids)) == len(ids):
        return {}
    if _some_lost(dataset, "images"):
        return {}
    rows: dict[int, list[int]] = defaultdict(list)
    for row, id_ in enumerate(ids):
        rows[id_].append(row)
    columns = dataset.annotations
    lost = np.flatnonzero(columns.image_row < 0).tolist()
    pointed_to = {plain_id(columns.image_ids[position]) for position in lost}
    free = {id_ for id_ in pointed_to if isinstance(id_, int)}
    meant: dict[int, int] = {}
    for same in (shared for shared in rows.values() if len(shared) > 1):
        files = {dataset.images[row].file_name for row in same}
        fitting = [(row, id_) for row in same for id_ in free if _fits(ids, row, id_)]
        if len(files) < len(same) or len(fitting) != 1:
            return {}
        meant.update(fitting)
    renumbered = [meant.get(row, id_) for row, id_ in enumerate(ids)]
    ascending = all(a < b for a, b in pairwise(renumbered))
    return meant if ascending else {}


def _fits(ids: Sequence[int], row: int, id_: int) -> bool:
    """Return whether an id is the one between the neighbors of a row.

    With gaps it could as well be that of an image that was deleted.
    """
    after = not row or ids[row - 1] + 1 == id_
    return after and (row + 1 == len(ids) or id_ + 1 == ids[row + 1])


def with_image_ids(dataset: CocoDataset, meant: Mapping[int, RecordId]) -> CocoDataset:
    """Return the data set with other ids for some images, and its annotations where they belong.

    Args:
        dataset: the file.
        meant: new id by image row, from `free_image_ids`.
    """
    if not meant:
        return dataset
    images = tuple(
        msgspec.structs.replace(image, id=meant.get(row, image.id))
        for row, image in enumerate(dataset.images)
    )
    row_of = {image.id: row for row, image in enumerate(images)}
    columns = dataset.annotations
    rows = columns.image_row.copy()
    for position in np.flatnonzero((rows < 0) | np.isin(rows, _twins(dataset, meant))).tolist():
        id_ = plain_id(columns.image_ids[position])
        rows[position] = -1 if id_ is None else row_of.get(id_, -1)
    return replace(dataset, images=images, annotations=replace(columns, image_row=rows))


def _twins(dataset: CocoDataset, meant: Mapping[int, RecordId]) -> list[int]:
    """Return the rows of the images whose id was used twice."""
    twice = {dataset.images[row].id for row in meant}
    return [row for row, image in enumerate(dataset.images) if image.id in twice]
