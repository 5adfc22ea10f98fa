"""COCO scores of a set of detections: overall, by class and by size."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from train_teacher.scores.thresholds import ClassThreshold

SIZES = ("small", "medium", "large")
"""Areas up to 32 * 32 and 96 * 96 pixels, and beyond (COCOeval's areaRng)."""


class ClassScores(msgspec.Struct, frozen=True):
    """One class; None where no object of it could be found."""

    name: str
    objects: int
    average_precision: float | None
    """Mean over overlaps of 0.5 to 0.95."""
    average_precision_50: float | None
    average_recall: float | None
    """With 100 detections an image, mean over the overlaps."""


class SizeScores(msgspec.Struct, frozen=True):
    """Objects of one size; None where there are none."""

    size: str
    average_precision: float | None
    average_recall: float | None


class CocoScores(msgspec.Struct, frozen=True):
    """Scores of COCOeval, with at most 100 detections an image; None where there is no object."""

    average_precision: float | None
    average_precision_50: float | None
    average_precision_75: float | None
    average_recall_1: float | None
    """With one detection an image."""
    average_recall_10: float | None
    average_recall_100: float | None
    sizes: tuple[SizeScores, ...]
    classes: tuple[ClassScores, ...]


class KeptBoxes(msgspec.Struct, frozen=True):
    """The boxes of one class above the threshold chosen for a precision."""

    name: str
    threshold: ClassThreshold
    """With what it rests on."""
    objects: int
    kept: int
    right: int
    """Of the kept ones, at an overlap of 0.5."""


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """A teacher's scores on a data set; the object of `teacher evaluate --format json`."""

    teacher: str
    """Its folder."""
    data: str
    """The file whose labels were the measure."""
    weights: str
    """`trained`, or `base`: what the run started from."""
    num_images: int
    num_objects: int
    """Crowds left out."""
    prompt: tuple[str, ...]
    """Phrases that the model was asked for."""
    scores: CocoScores
    masks: CocoScores | None = None
    """Of masks instead of boxes (`--masks`)."""
    kept: tuple[KeptBoxes, ...] = ()
    """Of each class (`--precision`)."""
    num_without_mask: int = 0
    """Objects that the mask scores leave out."""
    ignored_classes: tuple[str, ...] = ()
    """Classes of the data that the teacher does not know."""
    tiles: str = ""
    """The cutting of large images, in words; the scores are of whole images."""
    seconds: float = 0.0


def known(value: float) -> float | None:
    """Return a score, None for COCOeval's -1: there was no object."""
    return None if value < 0 else value


def with_every_mask(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return a COCO object in which objects without a mask are crowds with the mask of their box.

    COCOeval needs a mask of everything; what lies on a crowd is neither right nor wrong.
    """
    annotations = [
        annotation
        if annotation.get("segmentation")
        else {**annotation, "iscrowd": 1, "segmentation": [_outline(*annotation["bbox"])]}
        for annotation in content["annotations"]
    ]
    return {**content, "annotations": annotations}


def _outline(x: float, y: float, width: float, height: float) -> list[float]:
    return [x, y, x + width, y, x + width, y + height, x, y + height]
