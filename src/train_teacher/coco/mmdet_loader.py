"""The rules by which MMDetection's loader keeps or drops a box, applied after our repairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from train_teacher.coco.dataset import (
    CocoDataset,
    boxes_with_derived,
    image_sizes,
    sizes_of_annotations,
)
from train_teacher.core.arrays import every, some

MIN_IMAGE_SIDE = 32
"""`filter_cfg.min_size` of the recipes: smaller images are removed from the training set."""
REASONS = (
    "unreadable",
    "unknown_image",
    "ignore",
    "outside_image",
    "no_area_or_size",
    "unknown_category",
    "crowd",
    "small_image",
)
NOT_LEARNED = ("ignore", "crowd", "small_image")
"""Reasons that are not the box's: it is no object to learn or to miss, but it is there."""


@dataclass(frozen=True)
class LoadedRows:
    """Outcome of loading one file with MMDetection."""

    boxes: npt.NDArray[np.float64]
    """(N, 4) xywh in pixels, derived from polygons where `bbox` is missing."""
    kept: npt.NDArray[np.bool_]
    """(N,) annotations that become a box to learn."""
    usable: npt.NDArray[np.bool_]
    """(N,) those, and the crowds, ignored ones and ones in small images that have such a box."""
    images_kept: npt.NDArray[np.bool_]
    """(M,) images that the loader keeps, with or without boxes."""
    dropped: dict[str, int]
    """Annotations that never become a box, by reason; only reasons that occur."""
    dropped_by_category: dict[str, npt.NDArray[np.int64]]
    """(C,) the same for each row of `CocoDataset.categories`, without those of no category."""

    @cached_property
    def kept_boxes(self) -> npt.NDArray[np.float64]:
        """(K, 4) the boxes to learn, xywh in pixels, each column in one piece of memory."""
        return np.stack([column[self.kept] for column in self.boxes.T]).T


def trained_rows(
    dataset: CocoDataset,
    class_rows: Sequence[int] | npt.NDArray[np.int64],
    sizes: npt.NDArray[np.float64] | None = None,
    *,
    training: bool = True,
) -> LoadedRows:
    """Return which annotations become training boxes, and why the others do not.

    The order of the tests is that of mmdet's `CocoDataset.parse_data_info`, so that each
    annotation is counted under the reason that really drops it. `area` and `bbox` count as
    repaired: the canonical copies fill them.

    Args:
        dataset: the data set.
        class_rows: rows of `CocoDataset.categories` that are classes.
        sizes: (M, 2) width and height in pixels, NaN where unknown; the JSON's when None.
        training: False for val and test files, whose small images are kept.
    """
    columns = dataset.annotations
    if sizes is None:
        sizes = image_sizes(dataset)
    boxes, _ = boxes_with_derived(dataset)
    side = np.min(np.where(np.isfinite(sizes), sizes, 0), axis=1, initial=np.inf)
    images_kept = np.asarray(side >= (MIN_IMAGE_SIDE if training else 1), np.bool_)
    known = columns.image_row >= 0
    rows = np.where(known, columns.image_row, 0)
    here = sizes_of_annotations(dataset, sizes)
    readable = every(np.isfinite(boxes)) & (every(np.isfinite(here)) | ~known)
    reasons = {
        "unreadable": ~readable,
        "unknown_image": ~known,
        "ignore": columns.ignore,
        "outside_image": _overlap(boxes, here) == 0,
        "no_area_or_size": some(boxes[:, 2:] < 1),
        "unknown_category": ~np.isin(columns.category_row, np.asarray(class_rows, np.int64)),
        "crowd": columns.iscrowd == 1,
        "small_image": known & ~(images_kept[rows] if len(images_kept) else known),
    }
    unusable = [hit for reason, hit in reasons.items() if reason not in NOT_LEARNED]
    kept = np.ones(len(columns), np.bool_)
    dropped = {"unreadable": len(dataset.raw_annotations) - len(columns)}
    by_category = {}
    for reason, hit in reasons.items():
        gone = columns.category_row[kept & hit]
        dropped[reason] = dropped.get(reason, 0) + len(gone)
        if (gone >= 0).any():
            by_category[reason] = np.bincount(gone[gone >= 0], minlength=len(dataset.categories))
        kept &= ~hit
    return LoadedRows(
        boxes=boxes,
        kept=kept,
        usable=~np.logical_or.reduce(unusable),
        images_kept=images_kept,
        dropped={reason: count for reason in REASONS if (count := dropped[reason])},
        dropped_by_category=by_category,
    )


def _overlap(
    boxes: npt.NDArray[np.float64], sizes: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Return (N,) square pixels that xywh boxes share with their (N, 2) images."""
    corner, far = boxes[:, :2], boxes[:, :2] + boxes[:, 2:]
    inside = np.minimum(far, sizes) - np.maximum(corner, 0)
    inside = np.maximum(inside, 0)
    return np.asarray(inside[:, 0] * inside[:, 1], np.float64)
