"""I3, I4, I7, I8: image sizes in the JSON and in the file, and extreme sizes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from train_teacher.coco.dataset import CocoDataset, image_sizes
from train_teacher.coco.mmdet_loader import MIN_IMAGE_SIDE
from train_teacher.core.arrays import Flags, Sizes
from train_teacher.core.words import plural, share
from train_teacher.images.facts import SOUND, TRUNCATED, TURNED_FROM, ImageFacts
from train_teacher.inspection.facts import Finding, Severity
from train_teacher.inspection.finding import finding_about, images_at
from train_teacher.inspection.inspected import InspectedFile
from train_teacher.inspection.training_scale import LARGEST_SHORT, LONG_SIDE, long_side

LARGE_SIDE, LONG_ASPECT = 4000, 5.0
REAL_SHARE = 0.01
"""Share of extreme images from which they deserve a warning."""
ROUNDING_PIXELS = 2
"""Pixels by which a size may be off without moving a box noticeably."""

_Words = tuple[Severity, str, str, str]
"""Severity, what is wrong, consequence and fix."""
_MISPLACED = "The boxes are in pixels of other images: every box would be misplaced."
_SWAPPED: _Words = (
    "error",
    "with width and height exchanged in the JSON",
    "MMDetection clips the boxes at the wrong edges and drops those beyond them.",
    "Exchange width and height of these images in the JSON; then check the boxes of one "
    "(--html FILE).",
)
_SCALED = (
    _MISPLACED,
    "Give the folder of the copies that were labeled (--images DIR), or multiply width, height "
    "and boxes.",
)
_STRANGE: _Words = (
    "error",
    "of another size than the JSON says",
    _MISPLACED,
    "Give the folder of the images that were labeled (--images DIR); these are others.",
)
_ROUNDED: _Words = (
    "info",
    f"whose size in the JSON is up to {ROUNDING_PIXELS} pixels off",
    "No box is moved by it.",
    "Nothing to do.",
)


def check_sizes(dataset: CocoDataset, facts: ImageFacts) -> list[Finding]:
    """Return I3 (the JSON's size is not the file's) and I4 (EXIF orientation)."""
    stated = image_sizes(dataset)
    comparable = _comparable(stated, facts)
    shown = facts.displayed_size
    same = (stated == shown).all(axis=1)
    if same[comparable].all() and not (facts.orientation > 1).any():
        return []
    turned = facts.orientation >= TURNED_FROM
    raw = comparable & ~same & turned & (stated == facts.size).all(axis=1)
    square = facts.size[:, 0] == facts.size[:, 1]
    undecided = comparable & same & (facts.orientation > 1) & (~turned | square)
    return [
        *_orientation(dataset, facts, raw, undecided),
        *_other_sizes(dataset, stated, shown.astype(np.float64), comparable & ~same & ~raw),
    ]


def turned_photos(dataset: CocoDataset, facts: ImageFacts) -> tuple[int, int]:
    """Return how many photos that EXIF turns by 90 degrees are labeled unturned, and turned."""
    stated = image_sizes(dataset)
    turned = _comparable(stated, facts) & (facts.orientation >= TURNED_FROM)
    turned &= facts.size[:, 0] != facts.size[:, 1]
    unturned = turned & (stated == facts.size).all(axis=1)
    as_shown = turned & (stated == facts.displayed_size).all(axis=1)
    return int(unturned.sum()), int(as_shown.sum())


def _comparable(stated: Sizes, facts: ImageFacts) -> Flags:
    return np.asarray(
        np.isfinite(stated).all(axis=1)
        & facts.size.all(axis=1)
        & np.isin(facts.damage, (SOUND, TRUNCATED))
    )


def check_extremes(file: InspectedFile) -> list[Finding]:
    """Return I7 (too small to be trained on) and I8 (very large or very long)."""
    dataset, sizes = file.dataset, file.sizes
    short, long = sizes.min(axis=1), sizes.max(axis=1)
    # Small images are kept in validation.
    small = np.flatnonzero((short < MIN_IMAGE_SIDE) & file.is_train)
    return [
        *finding_about(
            images_at(dataset, small, "width", values=[_size(sizes[row]) for row in small]),
            code="I7",
            severity="warning",
            message=f"{plural(len(small), 'image')} with a side shorter than {MIN_IMAGE_SIDE} "
            "pixels",
            consequence="MMDetection silently removes them from training.",
            fix="Enlarge these images and their boxes, or leave them out.",
        ),
        *_extreme(
            dataset,
            sizes,
            long > LARGE_SIDE,
            f"with a side longer than {LARGE_SIDE} pixels",
            f"They are trained at a long side of {LONG_SIDE} pixels, {long_side(LARGEST_SHORT)} at "
            "most where objects are small: they shrink to a third or less.",
        ),
        *_extreme(
            dataset,
            sizes,
            long > LONG_ASPECT * short,
            f"more than {LONG_ASPECT:g} times as long as wide",
            f"Scaled to a long side of {LONG_SIDE} pixels their short side becomes tiny.",
        ),
    ]


def _extreme(
    dataset: CocoDataset, sizes: Sizes, flags: Flags, what: str, consequence: str
) -> list[Finding]:
    rows = np.flatnonzero(flags)
    return finding_about(
        images_at(dataset, rows, "width", values=[_size(sizes[row]) for row in rows]),
        code="I8",
        severity="warning" if len(rows) > REAL_SHARE * len(sizes) else "info",
        message=f"{share(len(rows), len(sizes))} images {what}",
        consequence=consequence,
        fix="Cut them into tiles if the objects are small; otherwise nothing to do.",
    )


def _orientation(
    dataset: CocoDataset, facts: ImageFacts, raw: Flags, undecided: Flags
) -> list[Finding]:
    always = np.zeros(len(raw), np.bool_) if facts.always_turned is None else facts.always_turned
    all_rows = [np.flatnonzero(hit) for hit in (raw & ~always, undecided, raw & always)]
    values = [[f"EXIF orientation {facts.orientation[row]}" for row in rows] for rows in all_rows]
    wrong, unclear, stuck = all_rows
    return [
        *finding_about(
            images_at(dataset, stuck, values=values[2]),
            code="I4",
            severity="error",
            message=f"{plural(len(stuck), 'image')} that OpenCV turns by 90 degrees regardless of "
            "its flags, labeled unturned",
            consequence=_MISPLACED,
            fix="Save these images without the orientation, pixels unchanged "
            "(exiftool -Orientation= FILES).",
        ),
        *finding_about(
            images_at(dataset, wrong, values=values[0]),
            code="I4",
            severity="error" if turned_photos(dataset, facts)[1] else "warning",
            message=f"{plural(len(wrong), 'photo')} that EXIF turns by 90 degrees, labeled as if "
            "it did not",
            consequence="MMDetection turns them when it reads them, and every box is misplaced. "
            "train-teacher reads a set without turning if no photo in it is labeled turned.",
            fix="Save these photos without the EXIF orientation, pixels unchanged "
            "(exiftool -Orientation= FILES), or label them again as displayed.",
        ),
        *finding_about(
            images_at(dataset, unclear, values=values[1]),
            code="I4",
            severity="warning",
            message=f"{plural(len(unclear), 'photo')} that EXIF turns or mirrors without changing "
            "width and height",
            consequence="MMDetection turns them when it reads them; the sizes do not show whether "
            "the labels were drawn so. If not, every box is misplaced.",
            fix="Check one with its boxes (--html FILE). If they are off, save the photos "
            "without the EXIF orientation (exiftool -Orientation= FILES).",
        ),
    ]


def _other_sizes(dataset: CocoDataset, stated: Sizes, shown: Sizes, other: Flags) -> list[Finding]:
    if not other.any():
        return []
    rounded = other & (np.abs(stated - shown) <= ROUNDING_PIXELS).all(axis=1)
    swapped = other & ~rounded & (stated == shown[:, ::-1]).all(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = stated.max(axis=1) / shown.max(axis=1)
        off = np.abs(stated - factor[:, None] * shown).max(axis=1)
    scaled = other & ~rounded & ~swapped & (off <= ROUNDING_PIXELS * np.maximum(factor, 1))
    resized = (
        f"of another size than the JSON says, by a constant factor ({_factors(factor[scaled])}): "
        "the JSON was made for resized copies"
    )
    strange = other & ~rounded & ~swapped & ~scaled
    findings = []
    for flags, severity, what, consequence, fix in (
        (swapped, *_SWAPPED),
        (scaled, "error", resized, *_SCALED),
        (strange, *_STRANGE),
        (rounded, *_ROUNDED),
    ):
        rows = np.flatnonzero(flags)
        findings += finding_about(
            images_at(
                dataset,
                rows,
                key="width",
                values=[f"JSON {_size(stated[row])}, file {_size(shown[row])}" for row in rows],
            ),
            code="I3",
            severity=severity,
            message=f"{plural(len(rows), 'image')} {what}",
            consequence=consequence,
            fix=fix,
        )
    return findings


def _factors(factors: npt.NDArray[np.float64]) -> str:
    if not len(factors):
        return ""
    low, high = f"{factors.min():.3g}", f"{factors.max():.3g}"
    return low if low == high else f"{low} to {high}"


def _size(size: npt.NDArray[np.float64]) -> str:
    return f"{size[0]:.0f} x {size[1]:.0f}"
