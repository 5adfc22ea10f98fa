"""Convention of a file's boxes: COCO's, or the best of a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

import numpy as np

from train_teacher.coco.categories import decoded_record
from train_teacher.coco.dataset import CocoDataset
from train_teacher.coco.masks.columns import MASK_APART, MASK_POLYGON
from train_teacher.core.arrays import Boxes, Flags, Floats, every, some

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
AREA_SLACK = 0.02
"""Share by which `area` may differ from the box's that it was computed from, and one pixel."""
REACH = 0.9
"""Of a scale, across and down, that some box must reach where no area tells it."""
LEAST_IN_PERCENT, CLEARLY_LARGER = 20, 200
"""Boxes, and pixels of the shorter side, for numbers up to 100 to be no accident."""
PEEKED = 100
_CORNER_MODES = (0, "XYXY_ABS", "BoxMode.XYXY_ABS")
"""Values of Detectron2's `bbox_mode` for two corners in pixels."""


class Reading(Enum):
    """Meaning of the four numbers of a box."""

    SIZE = "x,y,width,height"
    CORNERS = "x1,y1,x2,y2"
    CENTRE = "center x,y,width,height"
    Y_FIRST = "y1, x1, y2, x2"


class Form(NamedTuple):
    """Meaning of the numbers, and their unit."""

    reading: Reading
    full: int = 0
    """The number that stands for the whole side of an image; 0 for pixels."""

    @property
    def said(self) -> str:
        """The form in words."""
        unit = {0: "", 1: ", shares of the image size", 100: " in per cent of the image size"}
        return self.reading.value + unit.get(self.full, f" on a scale of 0 to {self.full}")


COCO = Form(Reading.SIZE)
PERCENT = 100
_ENDS_AT_100 = "all end at 100 across and down, far from the edges of their images"
_OTHERS = (
    Form(Reading.CORNERS),
    Form(Reading.CENTRE),
    Form(Reading.Y_FIRST),
    *(Form(reading, full) for full in (PERCENT, 1000) for reading in Reading),
)
# y first and x first fit a square alike, and COCO-like files of shares have x first.
_SHARES = (Form(Reading.SIZE, 1), Form(Reading.CORNERS, 1), Form(Reading.CENTRE, 1))


def convention_code(forms: tuple[Form, ...]) -> str:
    """Return the code of what boxes may be: B3 in another unit, B5 around a center, else B4."""
    if forms and all(form.full for form in forms):
        return "B3"
    return "B5" if forms and all(f.reading is Reading.CENTRE for f in forms) else "B4"


@dataclass(frozen=True)
class Convention:
    """Possible conventions of a file's boxes, and the boxes that point to them."""

    forms: tuple[Form, ...] = (COCO,)
    """Those that cannot be ruled out; a single one is a decision, none fits when it is empty."""
    concerned: Flags = field(default_factory=lambda: np.zeros(0, np.bool_))
    """(N,) boxes that were judged, or are shares; empty when one look showed that all is well."""
    are_shares: bool = False
    """Written as shares of the image size instead of pixels."""
    outside: int = 0
    """Boxes in pixels that leave their image when they are read as COCO's."""
    evidence: str = ""
    """Further evidence: the areas, or `bbox_mode`."""

    @property
    def decided(self) -> Form | None:
        """The only form left."""
        return self.forms[0] if len(self.forms) == 1 else None


class _Judged(NamedTuple):
    """K boxes in images of known size."""

    boxes: Boxes
    here: Boxes
    area: Floats


def find_convention(
    dataset: CocoDataset, boxes: Boxes, usable: Flags, here: Boxes, area: Floats
) -> Convention:
    """Return what the boxes look like.

    Args:
        dataset: the file.
        boxes: (N, 4) numbers as they are written, in COCO xywh in pixels.
        usable: (N,) finite ones.
        here: (N, 2) width and height of their images in pixels, NaN for those not to be judged by.
        area: (N,) as the file has it, square pixels, NaN where absent.
    """
    written = dataset.annotations.has_bbox  # those taken from masks are right already
    shares = usable & every(boxes >= 0) & every(boxes <= 1) & some(boxes[:, 2:] > 0)
    count = int(shares.sum())
    if count >= MIN_BOXES_FOR_CONVENTION and count >= CONVENTION_SHARE * int(usable.sum()):
        return _of_shares(shares, boxes[shares & written])
    judged = usable & written & every(np.isfinite(here))
    if int(judged.sum()) < MIN_BOXES_FOR_CONVENTION:
        return Convention()
    if _says_corners(dataset):
        return _declared(judged, _Judged(boxes[judged], here[judged], area[judged]))
    step = max(1, len(boxes) // SAMPLE)
    few = judged[::step]
    sample = _Judged(boxes[::step][few], here[::step][few], area[::step][few])
    outline = dataset.annotations.masks.kind == MASK_POLYGON
    apart = dataset.annotations.masks.flags & MASK_APART != 0
    on_outlines = int((outline & ~apart).sum()) > int((outline & apart).sum())
    if not on_outlines and _in_percent(sample):
        found = _Judged(boxes[judged], here[judged], area[judged])
        return Convention(_in_percent(found) or (COCO,), judged, evidence=_ENDS_AT_100)
    if not _outside(sample).mean() > OUTSIDE_SHARE / 2 and not _by_area(sample):
        return Convention()
    return _of_pixels(judged, _Judged(boxes[judged], here[judged], area[judged]))


def _in_percent(found: _Judged) -> tuple[Form, ...]:
    """Return the forms in per cent where boxes of large images reach 100 both ways and no more."""
    if len(found.boxes) < LEAST_IN_PERCENT or found.here.min() < CLEARLY_LARGER:
        return ()
    misfits = {f: _misfit(found.boxes, found.here, f) for f in _OTHERS if f.full == PERCENT}
    best = _best(misfits)
    return best if best and all(_reaches(found.boxes[~misfits[f]], f) for f in best) else ()


def _of_shares(shares: Flags, boxes: Boxes) -> Convention:
    """Return the reading of (K, 4) shares; COCO's has no head start: it never writes shares."""
    if not len(boxes):
        return Convention(_SHARES[:1], shares, are_shares=True)
    misfits = {form: _misfit(boxes, np.ones((len(boxes), 2)), form) for form in _SHARES}
    return Convention(_best(misfits), shares, are_shares=True)


def _of_pixels(judged: Flags, found: _Judged) -> Convention:
    outside = int(_outside(found).sum())
    proven = _by_area(found)
    if proven:
        return Convention(proven, judged, outside=outside, evidence="their areas say so")
    # Boxes in pixels are COCO's unless too many of them speak against it.
    if outside <= OUTSIDE_SHARE * len(found.boxes) or outside < MIN_BOXES_FOR_CONVENTION:
        return Convention()
    forms = [form for form in _OTHERS if not form.full or _fills(found, form)]
    best = _best({form: _misfit(found.boxes, found.here, form) for form in forms})
    same_area = tuple(form for form in best if _agrees(found, form) >= CONVENTION_SHARE)
    return Convention(same_area or best or (COCO,), judged, outside=outside)


def _declared(judged: Flags, found: _Judged) -> Convention:
    corners = Form(Reading.CORNERS)
    if _misfit(found.boxes, found.here, corners).mean() > 1 - CONVENTION_SHARE:
        return _of_pixels(judged, found)
    outside = int(_outside(found).sum())
    return Convention((corners,), judged, outside=outside, evidence="bbox_mode says so")


def _says_corners(dataset: CocoDataset) -> bool:
    """Return whether the first records have the `bbox_mode` of two corners."""
    peeked = dataset.annotations.index[:PEEKED].tolist()
    modes = (decoded_record(dataset.raw_annotations[index]).get("bbox_mode") for index in peeked)
    return all(mode in _CORNER_MODES and mode is not False for mode in modes)


def _by_area(found: _Judged) -> tuple[Form, ...]:
    """Return the forms of which nearly all areas are, when (nearly) none is COCO's.

    Areas of masks are those of no form.
    """
    if not len(found.boxes) or _agrees(found, COCO) > 1 - CONVENTION_SHARE:
        return ()
    agreeing = [form for form in _OTHERS if _agrees(found, form) >= CONVENTION_SHARE]
    if not agreeing:
        return ()
    return _best({form: _misfit(found.boxes, found.here, form) for form in agreeing})


def _agrees(found: _Judged, form: Form) -> float:
    """Return the share of the boxes that have the area that is written."""
    boxes = as_written_by_coco(found.boxes, form, found.here)
    own = boxes[:, 2] * boxes[:, 3]
    with np.errstate(invalid="ignore"):
        return float((np.abs(own - found.area) <= AREA_SLACK * found.area + 1).mean())


def as_written_by_coco(boxes: Boxes, form: Form, here: Boxes) -> Boxes:
    """Return (N, 4) boxes as xywh in pixels.

    Args:
        boxes: (N, 4) as they are written.
        form: what the numbers mean.
        here: (N, 2) width and height of their images in pixels.
    """
    if form.reading is Reading.Y_FIRST:
        boxes = boxes[:, [1, 0, 3, 2]]
    corner, size = boxes[:, :2], boxes[:, 2:]
    if form.reading in (Reading.CORNERS, Reading.Y_FIRST):
        boxes = np.hstack([corner, size - corner])
    elif form.reading is Reading.CENTRE:
        boxes = np.hstack([corner - size / 2, size])
    return boxes * np.tile(here / form.full, 2) if form.full else boxes


def already_right(boxes: Boxes, form: Form, here: Boxes, area: Floats) -> Flags:
    """Return (N,) which boxes are COCO's among others, by their place or else by their area.

    Args:
        boxes: (N, 4) as they are written.
        form: of most of them.
        here: (N, 2) width and height of their images in pixels, NaN where unknown.
        area: (N,) square pixels, NaN where unknown.
    """
    with np.errstate(invalid="ignore"):
        own = boxes[:, 2] * boxes[:, 3]
        other = as_written_by_coco(boxes, form, here)[:, 2:].prod(axis=1)
        off, off_by_form = np.abs(own - area), np.abs(other - area)
        slack = AREA_SLACK * area + 1
        proven = (off <= slack) & (off < off_by_form)
        # Areas that were computed from the numbers as they stand say nothing.
        proven &= (off_by_form <= slack).sum() > (off <= slack).sum()
        inside = every(boxes[:, 2:] > 0) & ~_misfit(boxes, here, COCO)
    return np.asarray(inside & (proven | _misfit(boxes, here, form)))


def _outside(found: _Judged) -> Flags:
    return np.asarray(some(found.boxes[:, :2] + found.boxes[:, 2:] > found.here + OVERHANG))


def _fills(found: _Judged, form: Form) -> bool:
    """Return whether a scale explains the boxes that leave their images, and no area denies it.

    They fill it in both directions; boxes that only stick out, or images that are listed at
    another size, do not.
    """
    if _agrees(found, COCO) > 1 - CONVENTION_SHARE:
        return False
    return _reaches(found.boxes[_outside(found)], form)


def _reaches(boxes: Boxes, form: Form) -> bool:
    plain = as_written_by_coco(boxes, form, np.ones((len(boxes), 2)))
    return bool(((plain[:, :2] + plain[:, 2:]).max(axis=0) >= REACH).all())


def _misfit(boxes: Boxes, here: Boxes, form: Form) -> Flags:
    """Return which boxes would leave their image, or have no size."""
    beyond = (OVERHANG_SHARE * here) if form.full else np.full_like(here, OVERHANG)
    plain = as_written_by_coco(boxes, form, here)
    corner, size = plain[:, :2], plain[:, 2:]
    misfit = some(corner + size > here + beyond)
    if form.reading is Reading.SIZE:
        return np.asarray(misfit)
    if form.reading is Reading.CENTRE:
        return np.asarray(misfit | some(corner < -beyond))
    return np.asarray(misfit | some(size <= 0))


def _best(misfits: Mapping[Form, Flags]) -> tuple[Form, ...]:
    """Return the forms that nearly all boxes fit, without those clearly worse than another."""
    total = len(next(iter(misfits.values())))
    counts = {form: int(misfit.sum()) for form, misfit in misfits.items()}
    fitting = {f: n for f, n in counts.items() if n <= (1 - CONVENTION_SHARE) * total}
    clear = max(MIN_BOXES_FOR_CONVENTION, CLEARLY_WORSE * total)
    return tuple(f for f, n in fitting.items() if n < min(fitting.values()) + clear)
