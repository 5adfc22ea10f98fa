"""Canonical copies, which MMDetection reads instead of the user's files (design, section 3)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from train_teacher.coco.dataset import (
    CocoDataset,
    image_sizes,
    plain_id,
    raw_annotation,
    used_categories,
)
from train_teacher.coco.masks.columns import MASK_NONE
from train_teacher.coco.masks.forms import plain_mask
from train_teacher.coco.mmdet_loader import LoadedRows, trained_rows
from train_teacher.core.errors import UserError
from train_teacher.images.facts import ImageFiles
from train_teacher.inspection.load import LoadedSplit
from train_teacher.prompts.caption import match_names


def category_targets(
    dataset: CocoDataset, names: Sequence[str], ignored: Collection[str] = ()
) -> npt.NDArray[np.int64]:
    """Return the canonical category of each of a file's categories, matched by name.

    Names that look the same, or differ in capitals only, are the same, whatever their spaces.

    Args:
        dataset: the file; its categories may have another order, other ids, or be fewer.
        names: the training file's original category names, in canonical order.
        ignored: names of categories that may be missing there though they have annotations.

    Returns:
        (C,) position in `names` for each row of `dataset.categories`, -1 for none.

    Raises:
        UserError: the file has a category that the training file lacks.
    """
    positions = match_names([category.name for category in dataset.categories], names)
    used = used_categories(dataset)
    unknown = [
        category.name
        for row, category in enumerate(dataset.categories)
        if positions[row] < 0 and category.name not in ignored and row in used
    ]
    if unknown:
        raise UserError(
            f"{dataset.path}: N13 has the classes {', '.join(map(repr, unknown[:5]))} that the "
            f"training data does not have ({', '.join(names)}): they could never be learned, only "
            "missed. Rename them to match, or remove them."
        )
    return np.array(positions, dtype=np.int64)


def loaded_rows(
    dataset: CocoDataset, targets: npt.NDArray[np.int64], files: ImageFiles, *, training: bool
) -> LoadedRows:
    """Return the annotations the loader keeps, which are those of the canonical copies.

    Args:
        dataset: the file.
        targets: (C,) from `category_targets`.
        files: sizes for images whose JSON has none.
        training: whether small images are left out.
    """
    sizes = image_sizes(dataset, files.sizes)
    return trained_rows(dataset, np.flatnonzero(targets >= 0), sizes, training=training)


def canonical_copy(
    split: LoadedSplit, class_names: Sequence[str], ignored: Collection[str] = ()
) -> dict[str, Any]:
    """Return all images of a file as a complete COCO object, see `canonical_split`.

    Args:
        split: the file, with what is known of its images.
        class_names: canonical names.
        ignored: names of other classes, which are left out.

    Raises:
        UserError: it has yet another class, or an image has no size.
    """
    dataset, targets = split.dataset, category_targets(split.dataset, class_names, ignored)
    rows = np.arange(len(dataset.images))
    return canonical_split(dataset, rows, class_names, targets, split.files)


def canonical_split(
    dataset: CocoDataset,
    image_rows: npt.NDArray[np.int64],
    class_names: Sequence[str],
    targets: npt.NDArray[np.int64],
    files: ImageFiles,
) -> dict[str, Any]:
    """Return one split as a complete COCO object.

    Args:
        dataset: the file that the images are in.
        image_rows: (M,) rows of `dataset.images`.
        class_names: canonical names, the same for every split.
        targets: (C,) from `category_targets`.
        files: their real names, and sizes for images whose JSON has none.

    Returns:
        `images` with ids 1..M, `annotations` with ids from 1, area and iscrowd, and all categories.

    Raises:
        UserError: an image has no size, in the JSON or in the file.
    """
    new_id = {row: number for number, row in enumerate(image_rows.tolist(), 1)}
    return {
        "info": {"description": f"canonical copy of {dataset.path.name}, made by train-teacher"},
        "images": list(_images(dataset, new_id, files)),
        "annotations": list(_annotations(dataset, new_id, targets, files)),
        "categories": [{"id": i, "name": name} for i, name in enumerate(class_names, 1)],
    }


def _images(
    dataset: CocoDataset, new_id: Mapping[int, int], files: ImageFiles
) -> Iterator[dict[str, Any]]:
    for row, number in new_id.items():
        image = dataset.images[row]
        width, height = files.sizes.get(row) or (image.width, image.height)
        if width is None or height is None:
            raise UserError(
                f"{dataset.path}: F8 images[{image.index}] ({image.file_name}) has no width or "
                "height and its file gives none: its boxes have no place. Add both, or remove it."
            )
        yield {
            "id": number,
            "file_name": files.name_of(row, image.file_name).replace("\\", "/"),
            "width": width,
            "height": height,
            "original_id": image.id,
        }


def _annotations(
    dataset: CocoDataset,
    new_id: Mapping[int, int],
    targets: npt.NDArray[np.int64],
    files: ImageFiles,
) -> Iterator[dict[str, Any]]:
    columns = dataset.annotations
    loaded = loaded_rows(dataset, targets, files, training=False)
    number = 0
    for row in np.flatnonzero(loaded.usable).tolist():
        image_id = new_id.get(int(columns.image_row[row]))
        if image_id is None:
            continue
        number += 1
        x, y, w, h = loaded.boxes[row].tolist()
        area = float(columns.area[row])
        annotation: dict[str, Any] = {
            "id": number,
            "image_id": image_id,
            "category_id": int(targets[columns.category_row[row]]) + 1,
            "bbox": [x, y, w, h],
            "area": area if area > 0 else w * h,
            "iscrowd": max(0, int(columns.iscrowd[row])),
        }
        if (original := plain_id(columns.ids[row])) is not None:
            annotation["original_id"] = original
        if columns.ignore[row]:
            annotation["ignore"] = 1
        if columns.masks.kind[row] != MASK_NONE:
            annotation["segmentation"] = plain_mask(
                raw_annotation(dataset, row).get("segmentation")
            )
        yield annotation
