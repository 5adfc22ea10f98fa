"""A few images with their labels, chosen to show all classes and sizes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from train_teacher.core.arrays import Floats, Rows

SHOWN_IMAGES = 16
SMALLEST, LARGEST, CROWDED = "the smallest box", "the largest box", "the most boxes"


class Shown(NamedTuple):
    """One image of the gallery."""

    row: int
    """Of `CocoDataset.images`."""
    position: int | None
    """The box that it is shown for, None for the image as a whole."""
    why: str


def choose_images(
    image_rows: Rows, labels: Rows, sides: Floats, most: int = SHOWN_IMAGES
) -> list[Shown]:
    """Return images that span classes and sizes, none twice: the extremes, then each class.

    Args:
        image_rows: (N,) the image of each box.
        labels: (N,) its class.
        sides: (N,) square root of its area, pixels.
        most: images that are chosen at most.
    """
    chosen: dict[int, Shown] = {}
    for position, why in _candidates(image_rows, labels, sides):
        if len(chosen) == most:
            break
        row = int(image_rows[position])
        chosen.setdefault(row, Shown(row, None if why == CROWDED else int(position), why))
    return list(chosen.values())


def _candidates(image_rows: Rows, labels: Rows, sides: Floats) -> Iterator[tuple[np.int64, str]]:
    """Yield boxes, the most wanted first, and what is said of them."""
    if not len(sides):
        return
    order = np.argsort(sides, kind="stable")
    yield order[0], SMALLEST
    yield order[-1], LARGEST
    yield (image_rows == np.bincount(image_rows).argmax()).argmax(), CROWDED
    # The rarest class first: one would look longest for it.
    counts = np.bincount(labels)
    for label in np.argsort(counts, kind="stable").tolist():
        if counts[label]:
            own = order[labels[order] == label]
            yield own[len(own) // 2], ""
    for share in range(1, 4 * SHOWN_IMAGES):
        yield order[len(order) * share // (4 * SHOWN_IMAGES)], ""
