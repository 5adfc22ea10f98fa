"""D: the data set as a whole."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from train_teacher.coco.dataset import CategoryRecord, CocoDataset
from train_teacher.core.words import listed, plural, share
from train_teacher.inspection.facts import Finding
from train_teacher.inspection.figures import most_of
from train_teacher.inspection.finding import finding_about, images_at, these_categories
from train_teacher.inspection.inspected import Inspected

EMPTY_SHARE = 0.5
FEW_BOXES, FEW_IMAGES = 10, 5
MIN_CLASSES_FOR_TAIL = 10
LONG_TAIL = 50
QUERIES = 900
"""`num_queries` of every MM Grounding DINO config: boxes of one image that can be found at all."""
SCORED = 100
"""Detections of an image that COCO's AP counts (pycocotools, maxDets); also `num_dn_queries`."""
KEPT = 300
"""`max_per_img` of the base configs."""
_BALANCE = (
    "Label more of the rare ones. train-teacher draws their images more often where five or more "
    "classes have such a tail; class_balance in its YAML settings does so for fewer."
)


def check_something_to_train(data: Inspected) -> list[Finding]:
    """Return D6: no class, a single one, or no box that the loader keeps."""
    dataset, kept = data.train.dataset, len(data.kept[0].labels)
    if len(data.classes) == 1 and kept:
        return _single_class(data.classes[0])
    if data.classes and kept:
        return []
    if not dataset.images:
        unread = any(problem.section == "images" for problem in dataset.problems)
        what = "no image could be read" if unread else "the list of images is empty"
    elif not dataset.raw_annotations:
        what = "the list of annotations is empty"
    elif not data.classes:
        what = "there is no class"
    else:
        what = f"none of the {len(dataset.raw_annotations):,} annotations becomes a box to learn"
    return [
        Finding(
            code="D6",
            severity="error",
            count=1,
            message=f"nothing to train: {what}",
            consequence="The model would learn that every image is empty.",
            fix="Correct the other findings, or give the file that holds the labels.",
        )
    ]


def _single_class(category: CategoryRecord) -> list[Finding]:
    return finding_about(
        these_categories([category]),
        code="D6",
        severity="info",
        message=f'"{category.name}" is the only class',
        consequence="The model learns to find it without contrast: images that show "
        "only similar objects, without boxes, help.",
        fix="Nothing to do.",
    )


def check_training_set(data: Inspected) -> list[Finding]:
    """Return D2 (empty images), D3 (rare classes), D4 (long tail), D7 (crowded images)."""
    dataset, classes = data.train.dataset, data.classes
    labels, image_rows = data.kept[0].labels, data.kept[0].image_rows
    if not len(labels) or not classes:
        return []
    boxes = np.bincount(labels, minlength=len(classes))
    per_image = np.bincount(image_rows, minlength=len(dataset.images))
    images = images_per_class(labels, image_rows, len(classes))
    return [
        *_empty_images(dataset, per_image),
        *_rare_classes(classes, boxes, images),
        *_long_tail(classes, boxes),
        *_crowded_images(dataset, per_image),
    ]


def images_per_class(
    labels: npt.NDArray[np.int64], image_rows: npt.NDArray[np.int64], count: int
) -> npt.NDArray[np.int64]:
    """Return (C,) in how many images each class has a box.

    Args:
        labels: (K,) class of each box.
        image_rows: (K,) image of each.
        count: C, the number of classes.
    """
    # Sorting beats np.unique, which hashes, by ten times.
    pairs = np.sort(image_rows * count + labels)
    pairs = pairs[np.diff(pairs, prepend=-1) > 0]
    return np.bincount(pairs % max(count, 1), minlength=count)


def _empty_images(dataset: CocoDataset, per_image: npt.NDArray[np.int64]) -> list[Finding]:
    empty = np.flatnonzero(per_image == 0)
    if len(empty) < EMPTY_SHARE * len(per_image):
        return []
    return finding_about(
        images_at(dataset, empty.tolist()),
        code="D2",
        severity="warning",
        message=f"{share(len(empty), len(per_image))} images have no box",
        consequence="They are trained as images without any object. COCO cannot distinguish an "
        "empty image from one that is not labeled yet.",
        fix="If they are not labeled yet, remove them from the list.",
    )


def _rare_classes(
    classes: Sequence[CategoryRecord],
    boxes: npt.NDArray[np.int64],
    images: npt.NDArray[np.int64],
) -> list[Finding]:
    rare = np.flatnonzero((boxes > 0) & ((boxes < FEW_BOXES) | (images < FEW_IMAGES))).tolist()
    told = listed(
        [f"{classes[i].name}: {boxes[i]} in {plural(int(images[i]), 'image')}" for i in rare]
    )
    return finding_about(
        these_categories([classes[i] for i in rare]),
        code="D3",
        severity="warning",
        message=f"{plural(len(rare), 'class', 'classes')} with fewer than {FEW_BOXES} boxes or "
        f"{FEW_IMAGES} images: {told.replace(chr(34), '')}",
        consequence="Too little to learn from, and its score on val is mostly noise.",
        fix="Label more of it.",
    )


def _long_tail(classes: Sequence[CategoryRecord], boxes: npt.NDArray[np.int64]) -> list[Finding]:
    """Return D4 for a tail of many classes, D3 for few of which one is much rarer than another."""
    seen = np.sort(boxes[boxes > 0])[::-1]
    if seen[0] <= LONG_TAIL * seen[-1]:
        return []
    most, least = int(np.argmax(boxes)), int(np.argmin(np.where(boxes > 0, boxes, boxes.max())))
    ends = f'"{classes[most].name}" has {boxes[most]:,} boxes, "{classes[least].name}" '
    ends += f"{boxes[least]:,}"
    if len(seen) < MIN_CLASSES_FOR_TAIL:
        rare = np.flatnonzero((boxes >= FEW_BOXES) & (LONG_TAIL * boxes < seen[0])).tolist()
        return finding_about(
            these_categories(
                [classes[i] for i in rare],
                values=[
                    f"{classes[i].name}, {plural(int(boxes[i]), 'box', 'boxes')}" for i in rare
                ],
            ),
            code="D3",
            severity="warning",
            message=f"{ends}: {seen[0] / seen[-1]:.0f} times fewer",
            consequence="The frequent classes dominate the loss: the rare ones are learned late "
            "or not at all.",
            fix=_BALANCE,
        )
    head = int(np.searchsorted(np.cumsum(seen), 0.8 * seen.sum())) + 1
    tail = np.flatnonzero((boxes > 0) & (LONG_TAIL * boxes < seen[0])).tolist()
    return finding_about(
        these_categories(
            [classes[i] for i in tail],
            values=[f"{classes[i].name}, {plural(int(boxes[i]), 'box', 'boxes')}" for i in tail],
        ),
        code="D4",
        severity="info",
        message=f"{share(head, len(seen))} classes hold 80 % of the boxes (Gini index "
        f"{_gini(seen):.2f}); {ends}",
        consequence="Frequent classes are learned first and best.",
        fix=_BALANCE,
    )


def _gini(counts: npt.NDArray[np.int64]) -> float:
    """Return how unequal counts are: 0 when all are equal, near 1 when one has nearly all.

    Args:
        counts: (C,) in falling order.
    """
    rank = np.arange(len(counts), 0, -1)
    number = len(counts)
    return float(2 * (rank * counts).sum() / (number * counts.sum()) - (number + 1) / number)


def _crowded_images(dataset: CocoDataset, per_image: npt.NDArray[np.int64]) -> list[Finding]:
    most = int(per_image.max(initial=0))
    limit = QUERIES if most > QUERIES else SCORED
    over = np.flatnonzero(per_image > limit)
    usual = most_of(per_image)
    if most > QUERIES:
        consequence = f"The model has {QUERIES} queries: it cannot find more boxes than that."
        fix = "Cut these images into tiles."
    else:
        consequence = f"COCO's AP counts the best {SCORED} detections of an image only."
        fix = "Nothing to do for training; cut them into tiles if AP must be exact."
        if most > KEPT:
            consequence += (
                f" MMDetection itself keeps {KEPT}; train-teacher raises that (max_per_img)."
            )
    consequence += (
        f" In training an image takes two denoising queries for each box, {2 * most:,} here "
        f"where {2 * SCORED} are usual: more memory."
    )
    return finding_about(
        images_at(dataset, over.tolist()),
        code="D7",
        severity="warning" if most > QUERIES else "info",
        message=f"{plural(len(over), 'image')} with more than {limit} boxes (most: {most:,}; "
        f"95 % of the images have at most {usual:,})",
        consequence=consequence,
        fix=fix,
    )


CHECKS = (check_something_to_train, check_training_set)
