"""A few images with their labels, chosen to show all classes and sizes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from train_teacher.core.arrays import Floats, Rows

SHOWN_IMAGES = 16
SMALLEST, LARGEST, CROWDED = "the smallest box", "the largest box", "the most boxes"


@dataclass(frozen=True)
class LabelledBoxes:
    """The N boxes of a file that are trained."""

    image_rows: Rows
    labels: Rows
    """(N,) class of each."""
    sides: Floats
    """(N,) square root of the area, pixels at training scale."""


class Shown(NamedTuple):
    """One image of the gallery."""

    row: int
    """Of `CocoDataset.images`."""
    position: int | None
    """The box that it is shown for, None for the image as a whole."""
    why: str


def choose_images(boxes: LabelledBoxes, most: int = SHOWN_IMAGES) -> list[Shown]:
    """Return images that span classes and sizes, none twice: the extremes, then each class."""
    chosen: dict[int, Shown] = {}
    for shown in _candidates(boxes):
        if len(chosen) == most:
            break
        chosen.setdefault(shown.row, shown)
    return list(chosen.values())


def _candidates(boxes: LabelledBoxes) -> Iterator[Shown]:
    if not len(boxes.sides):
        return
    order = np.argsort(boxes.sides, kind="stable")
    crowd = int(np.bincount(boxes.image_rows).argmax())
    yield _shown(boxes, order[0], SMALLEST)
    yield _shown(boxes, order[-1], LARGEST)
    yield Shown(crowd, None, CROWDED)
    # The rarest class first: one would look longest for it.
    counts = np.bincount(boxes.labels)
    for label in np.argsort(counts, kind="stable").tolist():
        if counts[label]:
            own = order[boxes.labels[order] == label]
            yield _shown(boxes, own[len(own) // 2], "")
    for share in range(1, 4 * SHOWN_IMAGES):
        yield _shown(boxes, order[len(order) * share // (4 * SHOWN_IMAGES)], "")


def _shown(boxes: LabelledBoxes, position: np.int64, why: str) -> Shown:
    return Shown(int(boxes.image_rows[position]), int(position), why)
