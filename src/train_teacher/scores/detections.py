"""Detections and ground truth as columns; each object once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from train_teacher.core.arrays import Boxes, Floats, Ints

NEARLY_THE_SAME = 0.9
"""Overlap from which two boxes are one object seen twice: Grounding DINO has no NMS; only training
keeps its queries apart."""
SAME_OBJECT = 0.5
"""Intersection over the smaller of two boxes of a class; sahi's own value."""


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


def choose_labels(
    found: ImageDetections, threshold: float | Floats, most_overlap: float = NEARLY_THE_SAME
) -> ImageDetections:
    """Return the detections that are sure enough, each object once.

    Args:
        found: in one image, best first.
        threshold: least score, of all classes or (C,) of each.
        most_overlap: a box that overlaps a better one more is left out, whatever their classes: an
            object has one label; 1 keeps all.
    """
    least = threshold[found.label] if isinstance(threshold, np.ndarray) else threshold
    extent = found.box[:, 2:] - found.box[:, :2]
    sure = found.rows((found.score >= least) & (extent > 0).all(axis=1))
    if most_overlap >= 1:
        return sure
    doubled = overlaps(sure.box, sure.box) > most_overlap
    kept = np.ones(len(sure.score), np.bool_)
    for row in range(len(kept)):
        if kept[row]:
            kept[row + 1 :] &= ~doubled[row, row + 1 :]
    return sure.rows(kept)


def in_whole_images(
    found: Detections, corners: Mapping[int, Sequence[int]], most: int
) -> Detections:
    """Return the detections in whole images, each object once.

    Non-maximum suppression within a class by the intersection over the smaller box: what the edge
    of a tile cut off lies inside the object that its neighbor shows whole. sahi's other way, to
    take the union, is for sure boxes only: here the many unlikely ones would swell them (AP 0.16
    instead of 0.24, measured). An image that is its only tile stays as it is.

    Args:
        found: in each tile, best first; `image_id` is the tile's.
        corners: the whole image of each tile, and x and y of the tile's corner in it.
        most: boxes that remain of an image at most.
    """
    from sahi.postprocess.backends import set_postprocess_backend
    from sahi.postprocess.combine import batched_nms

    set_postprocess_backend("numpy")  # else torchvision or numba, where they are installed
    place = np.array([corners[tile] for tile in found.image_id.tolist()], np.int64).reshape(-1, 3)
    tiles = Counter(image for image, _, _ in corners.values())
    box = found.box + np.tile(place[:, 1:], 2)
    columns = np.column_stack([box, found.score, found.label])
    rows = [np.empty(0, np.int64)]
    for image in np.unique(place[:, 0]).tolist():
        own = np.flatnonzero(place[:, 0] == image)
        if tiles[image] > 1:
            own = own[batched_nms(columns[own], "IOS", SAME_OBJECT)[:most]]
        rows.append(own)
    return Detections(place[:, 0], found.label, found.score, box).rows(np.concatenate(rows))
