"""I8: objects that are tiny at the scale of training."""

from __future__ import annotations

import numpy as np

from train_teacher.core.words import share
from train_teacher.inspection.facts import Finding
from train_teacher.inspection.figures import size_info
from train_teacher.inspection.finding import annotations_at, finding_about
from train_teacher.inspection.inspected import Inspected
from train_teacher.inspection.training_scale import training_scales

TINY_SIDE = 12.0
TINY_SHARE = 0.3


def check_object_size(data: Inspected) -> list[Finding]:
    """Return I8: most objects shrink to a few pixels when the images are scaled for training."""
    dataset, sizes, rows = data.train.dataset, data.train.sizes, data.kept[0].rows
    short, long = np.minimum(sizes[:, 0], sizes[:, 1]), np.maximum(sizes[:, 0], sizes[:, 1])
    kept = np.flatnonzero(rows.kept)
    boxes = rows.kept_boxes
    largest = training_scales(size_info(dataset, sizes, rows))[-1]
    scale = np.minimum(largest[0] / short, largest[1] / long)[dataset.annotations.image_row[kept]]
    side = np.sqrt(boxes[:, 2] * boxes[:, 3])
    tiny = kept[(side * scale < TINY_SIDE) & (scale < 1)]
    if len(tiny) <= TINY_SHARE * len(boxes):
        return []
    return finding_about(
        annotations_at(dataset, tiny, "bbox"),
        code="I8",
        severity="warning",
        message=f"{share(len(tiny), len(boxes))} boxes are smaller than {TINY_SIDE:g} pixels once "
        f"the image is scaled to {largest[0]} x {largest[1]} for training",
        consequence="Hardly anything of these objects is left to learn from.",
        fix="Train and predict on tiles (train-teacher --tile 640), or train at a larger scale.",
    )


CHECKS = (check_object_size,)
