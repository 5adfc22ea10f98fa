"""Detections and ground truth as columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from train_teacher.core.arrays import Boxes, Ints


@dataclass(frozen=True)
class Detections:
    """D boxes that a model found."""

    image_id: Ints
    """(D,)"""
    label: Ints
    """(D,) class number from 0."""
    score: npt.NDArray[np.float64]
    """(D,) 0 to 1."""
    box: Boxes
    """(D, 4) xyxy, pixels."""

    def rows(self, chosen: npt.NDArray[np.bool_] | Ints) -> Detections:
        """Return some of them."""
        return Detections(
            self.image_id[chosen], self.label[chosen], self.score[chosen], self.box[chosen]
        )


@dataclass(frozen=True)
class ImageDetections:
    """Detections of a model in one image."""

    width: int
    """Pixels, as the model saw it: turned or not."""
    height: int
    label: Ints
    """(K,) class number from 0."""
    score: npt.NDArray[np.float64]
    """(K,) 0 to 1, best first."""
    box: Boxes
    """(K, 4) xyxy, pixels."""

    def rows(self, chosen: npt.NDArray[np.bool_] | Ints) -> ImageDetections:
        """Return some of them."""
        return ImageDetections(
            self.width, self.height, self.label[chosen], self.score[chosen], self.box[chosen]
        )


def joined(image_ids: Sequence[int], found: Sequence[ImageDetections]) -> Detections:
    """Return the detections of several images as columns."""
    counts = [len(image.score) for image in found]
    empty = np.empty((0, 4))
    return Detections(
        image_id=np.repeat(np.asarray(image_ids, np.int64), counts),
        label=np.concatenate([np.empty(0, np.int64), *(p.label for p in found)]),
        score=np.concatenate([np.empty(0), *(p.score for p in found)]),
        box=np.concatenate([empty, *(p.box for p in found)]),
    )


@dataclass(frozen=True)
class GroundTruth:
    """T labeled boxes."""

    image_id: Ints
    """(T,)"""
    label: Ints
    """(T,) class number from 0."""
    box: Boxes
    """(T, 4) xyxy, pixels."""
    crowd: npt.NDArray[np.bool_]
    """(T,) regions that count neither as found nor as missed."""
    image_ids: Ints
    """(M,) every image, those without a box included."""

    def rows(self, chosen: npt.NDArray[np.bool_] | Ints) -> GroundTruth:
        """Return some of the boxes; the images stay."""
        return GroundTruth(
            self.image_id[chosen],
            self.label[chosen],
            self.box[chosen],
            self.crowd[chosen],
            self.image_ids,
        )

    def places(self, image_ids: Ints) -> Ints:
        """Return where images stand in `image_ids`."""
        order = np.argsort(self.image_ids)
        return np.asarray(order[np.searchsorted(self.image_ids, image_ids, sorter=order)])


def overlaps(first: Boxes, second: Boxes, *, crowds: bool = False) -> Boxes:
    """Return (D, T) intersection over union, or over the first box where the second are crowds.

    Args:
        first: (D, 4) xyxy, pixels.
        second: (T, 4) xyxy, pixels.
        crowds: whether the second are regions of many objects.
    """
    from pycocotools import mask

    found = mask.iou(xywh(first), xywh(second), [crowds] * len(second))
    return np.reshape(found, (len(first), len(second)))


def xywh(boxes: Boxes) -> Boxes:
    """Return (N, 4) boxes that were given by their corners."""
    return np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)
