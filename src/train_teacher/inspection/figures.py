"""Figures of a data set: masks, sizes, and annotations left out of training."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from train_teacher.coco.dataset import CocoDataset
from train_teacher.coco.masks.columns import MASK_POLYGON, MASK_RECTANGLE, MASK_RLE
from train_teacher.coco.mmdet_loader import LoadedRows
from train_teacher.inspection.facts import MaskInfo, SizeInfo


def mask_info(datasets: Sequence[CocoDataset]) -> MaskInfo | None:
    """Return the numbers and kinds of masks, None without any."""
    columns = [dataset.annotations.masks for dataset in datasets]
    polygons = sum(int((m.kind == MASK_POLYGON).sum()) for m in columns)
    run_lengths = sum(int((m.kind == MASK_RLE).sum()) for m in columns)
    if not polygons + run_lengths:
        return None
    return MaskInfo(
        polygons=polygons,
        run_lengths=run_lengths,
        points_mean=round(sum(int(m.points.sum()) for m in columns) / max(polygons, 1), 1),
        rectangles=sum(int((m.flags & MASK_RECTANGLE != 0).sum()) for m in columns),
    )


def dropped_by_class(dataset: CocoDataset, rows: LoadedRows) -> dict[str, dict[str, int]]:
    """Return the annotations that never become a box, by reason and name of their category."""
    told: dict[str, dict[str, int]] = {}
    for reason, counts in rows.dropped_by_category.items():
        names = told.setdefault(reason, {})
        for category, count in zip(dataset.categories, counts.tolist(), strict=True):
            if count:
                names[category.name] = names.get(category.name, 0) + count
    return told


def size_info(dataset: CocoDataset, sizes: npt.NDArray[np.float64], rows: LoadedRows) -> SizeInfo:
    """Return the sizes that choose image scales and query counts.

    Args:
        dataset: the training file.
        sizes: (M, 2) width and height in pixels, NaN where unknown.
        rows: what the loader makes of it.
    """
    sizes = sizes[np.isfinite(sizes).all(axis=1)]
    if not len(sizes):
        sizes = np.zeros((1, 2))
    counts = np.bincount(dataset.annotations.image_row[rows.kept], minlength=len(dataset.images))
    boxes = rows.kept_boxes
    return SizeInfo(
        width_median=int(_median(sizes[:, 0])),
        width_max=int(sizes[:, 0].max()),
        height_median=int(_median(sizes[:, 1])),
        height_max=int(sizes[:, 1].max()),
        short_side_min=int(sizes.min()),
        boxes_per_image_median=_median(counts),
        boxes_per_image_max=int(counts.max(initial=0)),
        boxes_per_image_p95=most_of(counts),
        box_side_median=round(_median(np.sqrt(boxes[:, 2] * boxes[:, 3])), 1),
    )


def _median(values: npt.NDArray[np.float64] | npt.NDArray[np.int64]) -> float:
    """Return the median, 0 of nothing; np.median would import numpy.ma, a tenth of the start."""
    if not len(values):
        return 0.0
    ordered = np.sort(values)
    return float(ordered[(len(values) - 1) // 2] + ordered[len(values) // 2]) / 2


def most_of(per_image: npt.NDArray[np.int64]) -> int:
    """Return how many boxes 95 % of the images have at most; np.percentile would import numpy.ma.

    Args:
        per_image: (M,) boxes.
    """
    return int(np.sort(per_image)[(len(per_image) - 1) * 95 // 100]) if len(per_image) else 0
