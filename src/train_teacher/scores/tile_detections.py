"""Detections in the tiles of images, merged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from train_teacher.scores.detections import Detections

SAME_OBJECT = 0.5
"""Intersection over the smaller of two boxes of a class; sahi's own value."""


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
