"""COCO scores of a set of detections: overall, by class and by size."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

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
