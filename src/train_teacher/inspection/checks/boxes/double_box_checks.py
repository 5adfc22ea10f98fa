"""B14: boxes that cover each other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from train_teacher.coco.box_overlap import overlap_ratio
from train_teacher.core.arrays import Boxes, Rows
from train_teacher.core.words import plural
from train_teacher.inspection.facts import Finding
from train_teacher.inspection.finding import annotations_at, finding_about
from train_teacher.inspection.inspected import InspectedFile

Pairs = list[tuple[Rows, Rows]]
"""Positions of two boxes each that are on the same object."""

NEARLY_THE_SAME = 0.95
REACH = 1e6
"""Pixels that a left edge can be from 0, for one number that sorts by image and edge."""
MOST_PAIRS = 20
"""Comparisons for each box; beyond, in images with thousands of boxes on one line, only exact
copies are looked for."""


def check_double_boxes(file: InspectedFile) -> list[Finding]:
    """Return B14, one finding for boxes of one class and one for boxes of two."""
    dataset = file.dataset
    rows, boxes = file.sound_boxes
    if not len(rows):
        return []
    images = dataset.annotations.image_row[rows]
    classes = dataset.annotations.category_row[rows]
    pairs = _near_pairs(images, boxes, classes)
    same, other = _split_by_class(pairs, classes)
    kinds = (
        (
            same,
            "drawn twice on the same object",
            "The object counts twice in the loss, and one of the two detections counts as false.",
            "inspect-data DATA.json --fix OUT.json removes exact copies; look at the others.",
        ),
        (
            other,
            "on the same object as a box of another class",
            "The model must give two answers at one place, each an error for the other.",
            "Keep one class, or label the object once.",
        ),
    )
    return [
        finding
        for found, what, consequence, fix in kinds
        for finding in finding_about(
            annotations_at(dataset, rows[found], "bbox"),
            code="B14",
            severity="warning",
            message=f"{plural(len(found), 'box', 'boxes')} {what} (overlap over "
            f"{NEARLY_THE_SAME:g})",
            consequence=consequence,
            fix=fix,
        )
    ]


def _near_pairs(images: Rows, boxes: Boxes, classes: Rows) -> Pairs:
    """Compare each box with those that follow it by left edge, as far as they can overlap enough.

    Args:
        images: (K,) image of each box.
        boxes: (K, 4) xywh.
        classes: (K,) class of each.
    """
    # One number to sort by, image first: three times faster than np.lexsort.
    order = np.argsort(images * float(2 * REACH) + np.clip(boxes[:, 0], -REACH, REACH))
    images = images[order]
    left, width = boxes[order, 0], boxes[order, 2]
    reach = left + (1 - NEARLY_THE_SAME) * width
    near = np.arange(len(order) - 1)
    budget = MOST_PAIRS * len(order)
    pairs: Pairs = []
    step = 0
    while len(near):
        step += 1
        near = near[: np.searchsorted(near, len(order) - step)]
        # Edges further apart cannot overlap that much, and the edges after them even less so.
        near = near[(left[near + step] < reach[near]) & (images[near + step] == images[near])]
        budget -= len(near)
        if budget < 0:
            return [*pairs, _exact_pairs(images, boxes[order], classes[order], order)]
        first, second = order[near], order[near + step]
        alike = overlap_ratio(boxes[first], boxes[second]) > NEARLY_THE_SAME
        pairs.append((first[alike], second[alike]))
    return pairs


def _exact_pairs(images: Rows, boxes: Boxes, classes: Rows, positions: Rows) -> tuple[Rows, Rows]:
    """Return pairs of equal boxes: each copy with the one before it, class by class."""
    keys = (*boxes.T, images)
    order = np.lexsort((positions, classes, *keys))
    one, following = order[:-1], order[1:]
    equal = np.logical_and.reduce([key[one] == key[following] for key in keys])
    return positions[one[equal]], positions[following[equal]]


def _split_by_class(pairs: Pairs, classes: Rows) -> Sequence[Rows]:
    """Return the positions of the later boxes of pairs of one class, and of pairs of two."""
    first = np.concatenate([one for one, _ in pairs] or [np.empty(0, np.int64)])
    second = np.concatenate([other for _, other in pairs] or [np.empty(0, np.int64)])
    equal = classes[first] == classes[second]
    later = np.maximum(first, second)
    # A set, since np.unique would import numpy.ma.
    return [np.array(sorted(set(later[k].tolist())), np.int64) for k in (equal, ~equal)]


FILE_CHECKS = (check_double_boxes,)
