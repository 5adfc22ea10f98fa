"""Choice between two sizes of an image, the JSON's and the file's, by its boxes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from train_teacher.coco.dataset import CocoDataset, image_sizes
from train_teacher.coco.masks.columns import MASK_RLE
from train_teacher.core.arrays import Flags, Sizes, every, some
from train_teacher.images.facts import SOUND, TRUNCATED, TURNED_FROM, ImageFacts
from train_teacher.inspection.box_conventions import OUTSIDE_SHARE, OVERHANG
from train_teacher.inspection.checks.images.image_size_checks import ROUNDING_PIXELS
from train_teacher.inspection.finding import TOLERATED_SHARE

MIN_BOXES = 3
MIN_BOXES_BEFORE_EDGE = 20
"""Boxes that end shortly before the edge of the smaller size while none lies beyond: boxes drawn
at the larger one would not all stop there."""


@dataclass(frozen=True)
class SettledSizes:
    """The sizes of M images after what could be decided."""

    sizes: Sizes
    """(M, 2) width and height in pixels, NaN where unknown."""
    scale: Sizes
    """(M, 2) what boxes and outlines are multiplied by, across and down."""
    corrected: Flags
    """(M,) images whose stated size was wrong, and the file's is right for their boxes now."""
    unsettled: Flags
    """(M,) images whose boxes may be in the pixels of another image than the file."""


@dataclass(frozen=True)
class _Drawn:
    """The K boxes that give evidence."""

    image_row: npt.NDArray[np.int64]
    far: Sizes
    """(K, 2) lower right corners in pixels."""

    def of(self, images: Flags) -> _Drawn:
        """Return the boxes of some of the M images."""
        here = images[self.image_row]
        return _Drawn(self.image_row[here], self.far[here])

    def beyond(self, sizes: Sizes) -> Flags:
        """Return (K,) which boxes leave their image if it has one of (M, 2) sizes."""
        return some(self.far > sizes[self.image_row] + OVERHANG)


def settle_sizes(
    dataset: CocoDataset,
    sizes: Sizes,
    facts: ImageFacts | None,
    boxes: npt.NDArray[np.float64],
    telling: Flags,
) -> SettledSizes:
    """Decide by the boxes where JSON and file state different sizes (I3, I4).

    Args:
        dataset: the data set.
        sizes: (M, 2) width and height in pixels, from the JSON or else the file.
        facts: what the files say; None when they were not checked.
        boxes: (N, 4) as they are written.
        telling: (N,) boxes in pixels that are finite and have an image.
    """
    count = len(dataset.images)
    none = np.zeros(count, np.bool_)
    as_stated = SettledSizes(sizes, scale=np.ones((count, 2)), corrected=none, unsettled=none)
    if facts is None or not count:
        return as_stated
    stated, shown = image_sizes(dataset), facts.displayed_size.astype(np.float64)
    exchanged, scaled, disputed = _disputes(stated, shown, facts)
    if not disputed.any():
        return as_stated
    drawn = _Drawn(dataset.annotations.image_row[telling], boxes[telling, :2] + boxes[telling, 2:])
    at_file, at_stated = none.copy(), none.copy()
    if _belong_to(shown, stated, drawn.of(exchanged)):
        at_file |= exchanged
    larger = scaled & (stated > shown).any(axis=1)
    for group, small, large in ((larger, shown, stated), (scaled & ~larger, stated, shown)):
        own = drawn.of(group)
        side = _side(small, large, own)
        if side is shown or not len(own.far):
            at_file |= group
        elif side is stated:
            at_stated |= group
    # Run lengths cannot be enlarged with their boxes.
    rows = dataset.annotations.image_row[dataset.annotations.masks.kind == MASK_RLE]
    at_stated[rows[rows >= 0]] = False
    corrected = at_file | at_stated
    scale = np.where(at_stated[:, None], shown / np.where(at_stated[:, None], stated, 1), 1.0)
    return SettledSizes(
        sizes=np.where(corrected[:, None], shown, sizes),
        scale=scale,
        corrected=corrected,
        unsettled=disputed & ~corrected,
    )


def _disputes(stated: Sizes, shown: Sizes, facts: ImageFacts) -> tuple[Flags, Flags, Flags]:
    """Return (M,) images with sides exchanged, in another scale, and all that are disputed."""
    comparable = every(np.isfinite(stated)) & every(facts.size > 0)
    comparable &= np.isin(facts.damage, (SOUND, TRUNCATED))
    off = comparable & some(np.abs(stated - shown) > ROUNDING_PIXELS)
    turned = facts.orientation >= TURNED_FROM
    unturned = off & turned & every(stated == facts.size)
    square = facts.size[:, 0] == facts.size[:, 1]
    perhaps_turned = comparable & (facts.orientation > 1) & (~turned | square)
    exchanged = off & ~unturned & every(stated == shown[:, ::-1])
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = stated.max(axis=1) / shown.max(axis=1)
        apart = np.abs(stated - factor[:, None] * shown).max(axis=1)
    even = apart <= ROUNDING_PIXELS * np.maximum(factor, 1)
    scaled = off & ~unturned & ~exchanged & ~perhaps_turned & even
    return exchanged & ~perhaps_turned, scaled, off | perhaps_turned


def _belong_to(shown: Sizes, stated: Sizes, drawn: _Drawn) -> bool:
    """Return whether boxes fit the file's size only; True without boxes, where nothing is lost."""
    if not len(drawn.far):
        return True
    beyond = drawn.beyond(shown)
    return bool(beyond.mean() <= TOLERATED_SHARE and beyond.sum() < int(drawn.beyond(stated).sum()))


def _side(small: Sizes, large: Sizes, drawn: _Drawn) -> Sizes | None:
    """Return which of the two sizes the boxes were drawn at, None when it is unclear."""
    if not len(drawn.far) or drawn.beyond(large).mean() > TOLERATED_SHARE:
        return None
    beyond = drawn.beyond(small)
    if beyond.sum() >= MIN_BOXES and beyond.mean() > OUTSIDE_SHARE:
        return large
    # As far before the edge of the smaller size as the larger one reaches beyond it.
    before = np.maximum(2 * small - large, 0)[drawn.image_row]
    close = int(some(drawn.far > before).sum())
    return small if not beyond.any() and close >= MIN_BOXES_BEFORE_EDGE else None
