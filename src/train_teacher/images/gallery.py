"""Which images show a data set: a few, with every class, small objects and large ones."""

from __future__ import annotations

import numpy as np

from train_teacher.core.arrays import Floats, Ints

MOST_IMAGES = 16
SIZES = 3
"""Kinds of size of each class: thirds of all boxes."""


def spanning_images(
    image_row: Ints, label: Ints, area: Floats, most: int = MOST_IMAGES
) -> list[int]:
    """Return rows of images that together show as many classes and sizes as they can.

    The first shows most that is new, and so on: what is rare comes early, and an image with the
    same again is taken last. Those that are equally good are drawn by lot, always the same, so
    that a film's first frames are not all that is seen.

    Args:
        image_row: (N,) image of each box.
        label: (N,) class of each, from 0.
        area: (N,) of each, square pixels.
    """
    if not len(image_row):
        return []
    ranks = np.sort(area)
    edges = ranks[[len(ranks) * part // SIZES for part in range(1, SIZES)]]
    kinds = SIZES * (int(label.max()) + 1)
    kind_of_box = label * SIZES + np.searchsorted(edges, area, side="right")
    keys = np.sort(image_row * kinds + kind_of_box)
    # np.unique would import numpy.ma.
    image, kind = np.divmod(keys[np.append(True, keys[1:] != keys[:-1])], kinds)
    in_image = np.bincount(image)
    lots = np.random.default_rng(0).permutation(len(in_image))
    shown = np.zeros(kinds)
    chosen: list[int] = []
    for _ in range(min(most, int(np.count_nonzero(in_image)))):
        new = np.bincount(image, 1 / (1 + shown[kind]) ** 2) / np.sqrt(np.maximum(in_image, 1))
        new[chosen] = -1
        best = int(lots[new[lots].argmax()])
        chosen.append(best)
        shown[kind[image == best]] += 1
    return chosen
