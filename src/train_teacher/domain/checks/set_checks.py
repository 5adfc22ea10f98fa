"""D: the data set as a whole."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from train_teacher.domain.checks.reporting import image_finding, listed, plural, share
from train_teacher.domain.coco import CocoDataset
from train_teacher.domain.dataset_info import Finding, SplitInfo

EMPTY_SHARE = 0.5
FEW_BOXES, FEW_IMAGES = 10, 5
MIN_CLASSES_FOR_TAIL = 10
LONG_TAIL = 50
QUERIES = 900
"""`num_queries` of every MM Grounding DINO config: boxes of one image that can be found at all."""
SCORED = 100
"""Detections of an image that COCO's AP counts (pycocotools, maxDets)."""
TINY_SIDE = 10.0
TINY_SHARE = 0.3
SHORT_SIDE, LONG_SIDE = 800, 1333
"""The recipe's test scale; see mm_grounding_dino configs, FixScaleResize."""


def check_something_to_train(
    dataset: CocoDataset, num_classes: int, num_boxes: int
) -> list[Finding]:
    """Return D6: no class, or no box that the loader keeps.

    Args:
        dataset: the training file.
        num_classes: real classes.
        num_boxes: boxes that MMDetection's loader keeps.
    """
    if num_classes and num_boxes:
        return []
    if not dataset.images:
        what = "the list of images is empty"
    elif not dataset.raw_annotations:
        what = "the list of annotations is empty"
    elif not num_classes:
        what = "there is no class"
    else:
        what = f"none of the {len(dataset.raw_annotations):,} annotations becomes a box to learn"
    return [
        Finding(
            code="D6",
            severity="error",
            count=1,
            message=f"nothing to train: {what}",
            consequence="The model would learn that every picture is empty.",
            fix="Correct what the other findings name, or give the file that holds the labels.",
        )
    ]


def check_every_class_present(
    split: SplitInfo, train: SplitInfo, names: Sequence[str]
) -> list[Finding]:
    """Return D5: classes that a given val or test file has no box of, or that only it has.

    Args:
        split: the val or test file.
        train: the training file.
        names: the classes.
    """
    pairs = list(zip(names, train.boxes_per_class, split.boxes_per_class, strict=True))
    kinds = (
        (
            [name for name, learned, here in pairs if learned and not here],
            "no box of",
            "Without boxes here its AP cannot be measured.",
        ),
        (
            [name for name, learned, here in pairs if here and not learned],
            "train has no box of",
            "Without boxes in train it cannot be learned, but is scored here.",
        ),
    )
    return [
        Finding(
            code="D5",
            severity="warning",
            count=len(absent),
            message=f"{what} {plural(len(absent), 'class', 'classes')}: {listed(absent)}",
            consequence=consequence,
            fix="Move labelled images between the files, or let train-teacher split one file.",
            split=split.name,
        )
        for absent, what, consequence in kinds
        if absent
    ]


def check_training_set(
    dataset: CocoDataset,
    names: Sequence[str],
    classes: npt.NDArray[np.int64],
    image_rows: npt.NDArray[np.int64],
) -> list[Finding]:
    """Return D2 (empty images), D3 (rare classes), D4 (long tail), D7 (crowded images).

    Args:
        dataset: the training file.
        names: the classes.
        classes: (K,) class of each box that MMDetection's loader keeps.
        image_rows: (K,) image of each of these boxes.
    """
    if not len(classes) or not names:
        return []
    boxes = np.bincount(classes, minlength=len(names))
    per_image = np.bincount(image_rows, minlength=len(dataset.images))
    # Sorting beats np.unique, which hashes, by ten times.
    pairs = np.sort(image_rows * len(names) + classes)
    pairs = pairs[np.diff(pairs, prepend=-1) > 0]
    images = np.bincount(pairs % len(names), minlength=len(names))
    return [
        *_empty_images(dataset, per_image),
        *_rare_classes(names, boxes, images),
        *_long_tail(names, boxes),
        *_crowded_images(dataset, per_image),
    ]


def _empty_images(dataset: CocoDataset, per_image: npt.NDArray[np.int64]) -> list[Finding]:
    empty = np.flatnonzero(per_image == 0)
    if len(empty) < EMPTY_SHARE * len(per_image):
        return []
    return image_finding(
        dataset,
        empty.tolist(),
        code="D2",
        severity="warning",
        message=f"{share(len(empty), len(per_image))} images have no box",
        consequence="They are trained as pictures without any object. COCO cannot tell an empty "
        "picture from one that nobody has labelled yet.",
        fix="If they are not labelled yet, remove them from the list.",
    )


def _rare_classes(
    names: Sequence[str], boxes: npt.NDArray[np.int64], images: npt.NDArray[np.int64]
) -> list[Finding]:
    rare = np.flatnonzero((boxes > 0) & ((boxes < FEW_BOXES) | (images < FEW_IMAGES)))
    if not len(rare):
        return []
    told = listed(
        [f"{names[i]}: {boxes[i]} in {plural(int(images[i]), 'image')}" for i in rare.tolist()]
    )
    return [
        Finding(
            code="D3",
            severity="warning",
            count=len(rare),
            message=f"{plural(len(rare), 'class', 'classes')} with fewer than {FEW_BOXES} boxes or "
            f"{FEW_IMAGES} images: {told.replace(chr(34), '')}",
            consequence="Too little to learn from, and its score on val is a matter of chance.",
            fix="Label more of it.",
        )
    ]


def _long_tail(names: Sequence[str], boxes: npt.NDArray[np.int64]) -> list[Finding]:
    seen = np.sort(boxes[boxes > 0])[::-1]
    if len(seen) < MIN_CLASSES_FOR_TAIL or seen[0] <= LONG_TAIL * seen[-1]:
        return []
    head = int(np.searchsorted(np.cumsum(seen), 0.8 * seen.sum())) + 1
    most, least = int(np.argmax(boxes)), int(np.argmin(np.where(boxes > 0, boxes, boxes.max())))
    return [
        Finding(
            code="D4",
            severity="info",
            count=len(seen),
            message=f"{plural(head, 'class holds', 'classes hold')} 80 % of the boxes; "
            f'"{names[most]}" has {boxes[most]:,}, "{names[least]}" {boxes[least]:,}',
            consequence="Frequent classes are learned first and best.",
            fix="Label more of the rare ones if they matter as much.",
        )
    ]


def _crowded_images(dataset: CocoDataset, per_image: npt.NDArray[np.int64]) -> list[Finding]:
    most = int(per_image.max(initial=0))
    over = np.flatnonzero(per_image > (QUERIES if most > QUERIES else SCORED))
    if most > QUERIES:
        consequence = f"The model has {QUERIES} queries: it cannot find more boxes than that."
        fix = "Cut these pictures into tiles."
    else:
        consequence = f"COCO's AP counts the best {SCORED} detections of a picture only."
        fix = "Nothing to do for training; cut them into tiles if AP must be exact."
    return image_finding(
        dataset,
        over.tolist(),
        code="D7",
        severity="warning" if most > QUERIES else "info",
        message=f"{plural(len(over), 'image')} with more than "
        f"{QUERIES if most > QUERIES else SCORED} boxes (most: {most:,})",
        consequence=consequence,
        fix=fix,
    )


def check_no_validation(names: Sequence[str]) -> list[Finding]:
    """Return D9: files were given for several splits, and none of them is val.

    Args:
        names: the splits.
    """
    if "val" in names or len(names) == 1:
        return []
    return [
        Finding(
            code="D9",
            severity="warning",
            count=1,
            message=f"there is a {names[-1]} file but no val file",
            consequence="The best epoch has to be chosen on something: a share of train will be "
            "set aside.",
            fix="Give one with --val, or let train-teacher set a share aside.",
        )
    ]


def check_object_size(
    sizes: npt.NDArray[np.float64],
    boxes: npt.NDArray[np.float64],
    image_rows: npt.NDArray[np.int64],
) -> list[Finding]:
    """Return I8: most objects shrink to a few pixels when the pictures are scaled for training.

    Args:
        sizes: (M, 2) width and height in pixels, NaN where unknown.
        boxes: (K, 4) xywh in pixels of the boxes that are trained.
        image_rows: (K,) image of each.
    """
    short, long = np.minimum(sizes[:, 0], sizes[:, 1]), np.maximum(sizes[:, 0], sizes[:, 1])
    scale = np.minimum(SHORT_SIDE / short, LONG_SIDE / long)[image_rows]
    side = np.sqrt(boxes[:, 2] * boxes[:, 3])
    tiny = int(((side * scale < TINY_SIDE) & (scale < 1)).sum())
    if tiny <= TINY_SHARE * len(boxes):
        return []
    return [
        Finding(
            code="I8",
            severity="warning",
            count=tiny,
            message=f"{share(tiny, len(boxes))} boxes are smaller than {TINY_SIDE:g} pixels once "
            f"the picture is scaled to {SHORT_SIDE} x {LONG_SIDE} for training",
            consequence="Hardly anything of these objects is left to learn from.",
            fix="Cut the pictures into tiles, or train at a larger scale.",
        )
    ]
