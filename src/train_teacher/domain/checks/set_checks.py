"""D: the data set as a whole."""

from __future__ import annotations

from collections.abc import Sequence

from train_teacher.domain.checks.reporting import listed, plural
from train_teacher.domain.coco import CocoDataset
from train_teacher.domain.dataset_info import Finding, SplitInfo


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
