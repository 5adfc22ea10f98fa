"""Which convention the numbers of a file's boxes follow: COCO's, two corners, or a centre."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

import numpy as np

from train_teacher.core.arrays import Boxes, Flags, every, some

OVERHANG = 2.0
"""Pixels a box may stick out without a word: rounding and tools that count edges."""
OVERHANG_SHARE = 0.005
"""The same for shares of the image size."""
CONVENTION_SHARE = 0.95
OUTSIDE_SHARE = 0.1
MIN_BOXES_FOR_CONVENTION = 3
CLEARLY_WORSE = 0.02
"""Share of the boxes by which a reading must misfit more often than another to be ruled out."""
SAMPLE = 20_000
"""Boxes that are looked at first, to spare a look at a million."""


class Reading(Enum):
    """What the four numbers of a box mean."""

    SIZE = "x,y,width,height"
    CORNERS = "x1,y1,x2,y2"
    CENTRE = "centre x,y,width,height"


@dataclass(frozen=True)
class Convention:
    """What the boxes of a file look like."""

    readings: tuple[Reading, ...] = (Reading.SIZE,)
    """Those that cannot be ruled out; a single one is a decision, none fits when it is empty."""
    concerned: Flags = field(default_factory=lambda: np.zeros(0, np.bool_))
    """(N,) boxes that were judged, or are shares; empty when one look showed that all is well."""
    are_shares: bool = False
    """Written as shares of the image size instead of pixels."""
    outside: int = 0
    """Boxes in pixels that leave their image when they are read as COCO's."""

    @property
    def decided(self) -> Reading | None:
        """The only reading left."""
        return self.readings[0] if len(self.readings) == 1 else None


def find_convention(boxes: Boxes, usable: Flags, written: Flags, here: Boxes) -> Convention:
    """Return what the boxes look like.

    Args:
        boxes: (N, 4) numbers as they are written, in COCO xywh in pixels.
        usable: (N,) finite ones.
        written: (N,) False for boxes that were taken from masks, which are right already.
        here: (N, 2) width and height of their images in pixels, NaN for those not to be judged by.
    """
    shares = usable & every(boxes >= 0) & every(boxes <= 1)
    count = int(shares.sum())
    if count >= MIN_BOXES_FOR_CONVENTION and count >= CONVENTION_SHARE * int(usable.sum()):
        return _of_shares(shares, boxes[shares & written])
    judged = usable & written & every(np.isfinite(here))
    if int(judged.sum()) < MIN_BOXES_FOR_CONVENTION or not _often_outside(boxes, here):
        return Convention()
    misfits = _misfits(boxes[judged], here[judged], OVERHANG)
    outside = misfits.pop(Reading.SIZE)
    # Boxes in pixels are COCO's unless too many of them speak against it.
    if outside.mean() <= OUTSIDE_SHARE or outside.sum() < MIN_BOXES_FOR_CONVENTION:
        return Convention()
    return Convention(_best(misfits) or (Reading.SIZE,), judged, outside=int(outside.sum()))


def _of_shares(shares: Flags, boxes: Boxes) -> Convention:
    """Return the reading of (K, 4) shares; COCO's has no head start: it never writes shares."""
    if not len(boxes):
        return Convention((Reading.SIZE,), shares, are_shares=True)
    misfits = _misfits(boxes, np.ones((len(boxes), 2)), OVERHANG_SHARE)
    return Convention(_best(misfits), shares, are_shares=True)


def as_written_by_coco(boxes: Boxes, reading: Reading) -> Boxes:
    """Return (N, 4) boxes as xywh.

    Args:
        boxes: (N, 4) as they are written.
        reading: what the numbers mean.
    """
    corner, size = boxes[:, :2], boxes[:, 2:]
    if reading is Reading.CORNERS:
        return np.hstack([corner, size - corner])
    if reading is Reading.CENTRE:
        return np.hstack([corner - size / 2, size])
    return boxes


def _often_outside(boxes: Boxes, here: Boxes) -> bool:
    """Return whether a sample leaves its images often enough to look at all boxes."""
    step = max(1, len(boxes) // SAMPLE)
    some_boxes = boxes[::step]
    outside = some(some_boxes[:, :2] + some_boxes[:, 2:] > here[::step] + OVERHANG)
    return bool(outside.mean() > OUTSIDE_SHARE / 2)


def _misfits(boxes: Boxes, here: Boxes, slack: float) -> dict[Reading, Flags]:
    corner, size = boxes[:, :2], boxes[:, 2:]
    beyond = here + slack
    return {
        Reading.SIZE: some(corner + size > beyond),
        Reading.CORNERS: some(size <= corner) | some(size > beyond),
        Reading.CENTRE: some(corner - size / 2 < -slack) | some(corner + size / 2 > beyond),
    }


def _best(misfits: Mapping[Reading, Flags]) -> tuple[Reading, ...]:
    """Return the readings that nearly all boxes fit, without those clearly worse than another."""
    total = len(next(iter(misfits.values())))
    counts = {reading: int(misfit.sum()) for reading, misfit in misfits.items()}
    fitting = {r: n for r, n in counts.items() if n <= (1 - CONVENTION_SHARE) * total}
    clear = max(MIN_BOXES_FOR_CONVENTION, CLEARLY_WORSE * total)
    return tuple(r for r, n in fitting.items() if n < min(fitting.values()) + clear)
