"""I: missing, damaged or unusual image files."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from train_teacher.coco.dataset import CocoDataset
from train_teacher.core.words import plural, share
from train_teacher.images.facts import (
    ALPHA,
    CMYK,
    DEEP,
    EMPTY_FILE,
    FLOAT,
    FORMATS,
    GIT_LFS,
    GRAY,
    HEIC,
    NOT_AN_IMAGE,
    NOT_DECODED,
    PALETTE,
    SEVERAL,
    SOUND,
    TOO_LARGE,
    TRANSPARENT,
    TRUNCATED,
    UNREADABLE,
    WEB_PAGE,
    DecodedFacts,
    ImageFacts,
)
from train_teacher.images.other_names import likely_names
from train_teacher.inspection.checks.images.image_name_checks import check_endings, check_spelling
from train_teacher.inspection.checks.images.image_size_checks import check_extremes, check_sizes
from train_teacher.inspection.facts import Finding, Severity
from train_teacher.inspection.finding import finding_about, images_at
from train_teacher.inspection.inspected import InspectedFile

DARK, BRIGHT, CONSTANT, BLURRY = 25.0, 235.0, 3.0, 10.0
"""Mean gray value below and above, standard deviation below, variance of the Laplacian below."""


class _Kind(NamedTuple):
    severity: Severity
    what: str
    """Said after `3 images`."""
    consequence: str
    fix: str


_STOPS = (
    'MMDetection cannot read them: training would stop with "AssertionError: failed to load image".'
)
_DAMAGE = (
    (EMPTY_FILE, "with 0 bytes", "Copy or download these files again."),
    (
        WEB_PAGE,
        "holding a web page or an XML error message instead of an image",
        "Download these files again; the server answered with a page instead of the image.",
    ),
    (
        GIT_LFS,
        "holding a Git LFS pointer instead of an image",
        "Run git lfs pull in the folder of the images.",
    ),
    (
        TRUNCATED,
        "cut off before the end (no end-of-image marker)",
        "Copy or download these files again, or remove them from images.",
    ),
    (
        NOT_AN_IMAGE,
        "whose content is no image",
        "Replace these files, or remove them from images.",
    ),
    (
        HEIC,
        "in HEIC format, as phones save them",
        "Save these images as JPEG, on the phone or with a converter: OpenCV cannot read HEIC.",
    ),
    (
        TOO_LARGE,
        "of more than 2**30 pixels, which OpenCV refuses",
        "Cut these images into tiles and label those, or leave them out.",
    ),
    (
        NOT_DECODED,
        "that OpenCV cannot decode",
        "Save these images with 3 channels of 8 bits, as JPEG, PNG or TIFF.",
    ),
    (
        UNREADABLE,
        "impossible to open or with a broken header",
        "Check the permissions of these files, replace them, or remove them from images.",
    ),
)
_SAVE_8_BIT = "Scale the values to 0 to 255 and save them as 8-bit images."
_PIXELS = (
    (
        DEEP,
        _Kind(
            "warning",
            "with more than 8 bits a channel",
            "MMDetection keeps the upper 8 bits: 12-bit data (0 to 4095) becomes 0 to 15 of 255, "
            "almost black.",
            _SAVE_8_BIT,
        ),
    ),
    (
        FLOAT,
        _Kind(
            "warning",
            "with floating-point pixels",
            "OpenCV does not read them as color images: training would stop at the first.",
            _SAVE_8_BIT,
        ),
    ),
    (
        SEVERAL,
        _Kind(
            "warning",
            "with several pages or frames",
            "MMDetection sees the first one only.",
            "Save each page as an image of its own, or check that the labels are of the first.",
        ),
    ),
    (
        CMYK,
        _Kind(
            "info",
            "in CMYK colors",
            "MMDetection converts them; the colors can differ from what a viewer shows.",
            "Nothing to do, or save them as RGB.",
        ),
    ),
    (
        PALETTE,
        _Kind(
            "info",
            "with a color palette",
            "MMDetection converts them to RGB.",
            "Nothing to do.",
        ),
    ),
    (
        GRAY,
        _Kind(
            "info",
            "without color",
            "MMDetection makes three equal channels of them.",
            "Nothing to do, if later images are like these.",
        ),
    ),
)
_RARELY_READ = (FORMATS.index("GIF"), FORMATS.index("AVIF"))
_RARE_FORMAT = _Kind(
    "info",
    "in GIF or AVIF format",
    "OpenCV reads them here; with many older releases training would stop at the first.",
    "Nothing to do here; save them as JPEG or PNG where the data set is used elsewhere.",
)
_ALPHA_DROPPED = "MMDetection drops it: transparent pixels show whatever color is stored there."
_SEEN_THROUGH = _Kind(
    "warning",
    "with an alpha channel, transparent in places",
    _ALPHA_DROPPED,
    "Put them on a plain background and save them without alpha.",
)
_OPAQUE = _Kind(
    "info",
    "with an alpha channel",
    _ALPHA_DROPPED,
    "Nothing to do if nothing is transparent; those checked are opaque.",
)


def check_missing_images(file: InspectedFile) -> list[Finding]:
    """Return I1: images that are not there."""
    dataset, image_dir, missing = file.dataset, file.files.image_dir, file.files.missing
    total = len(dataset.images)
    if image_dir is None:
        message = f"none of the {plural(total, 'image')} was found near {dataset.path}"
        fix = "Name the folder that file_name is relative to: --images DIR."
    else:
        message = f"{share(len(missing), total)} images are not in {image_dir}"
        fix = "Copy the missing files there, name another folder (--images DIR), or remove them."
    names = [dataset.images[row].file_name for row in missing.tolist()]
    what, likely = likely_names(names, file.files.unnamed)
    if likely:
        name, other = next(iter(likely.items()))
        fix = f"They may be images that are there: names {what}, such as {name} for {other}; "
        fix += "correct file_name if so. Otherwise copy the missing files there, or remove them."
    if any(name.startswith("data:") for name in names):
        fix = "These records hold the image itself (base64). Write each into a file, and its name "
        fix += "into file_name."
    elsewhere = any(_leads_elsewhere(name) for name in names)
    if elsewhere and str(image_dir) != "/":
        fix += " Names with an absolute path are followed inside that folder only; --images / "
        fix += "follows them everywhere, for a file that you trust."
    return finding_about(
        images_at(dataset, missing),
        code="I1",
        severity="error",
        message=message,
        consequence="Training would stop at the first missing image.",
        fix=fix,
    )


def _leads_elsewhere(file_name: str) -> bool:
    return file_name.startswith("/") or ".." in file_name.replace("\\", "/").split("/")


def check_contents(file: InspectedFile) -> list[Finding]:
    """Return I2 to I9 and, after `--deep`, I12: all but missing files and comparisons.

    For images that were not checked only the sizes in the JSON count.
    """
    dataset, files = file.dataset, file.files
    findings = check_extremes(file)
    if files.facts is None:
        return findings
    findings += [
        *_damaged(dataset, files.facts),
        *check_sizes(dataset, files.facts),
        *_unusual_pixels(dataset, files.facts, decoded=files.decoded is not None),
        *check_endings(dataset, files),
        *check_spelling(dataset, files),
    ]
    if files.decoded is not None:
        findings += _decoded(dataset, files.decoded)
    return findings


def _damaged(dataset: CocoDataset, facts: ImageFacts) -> list[Finding]:
    """Return I2 by kind of damage."""
    if not facts.damage.any():
        return []
    findings = []
    for kind, what, fix in _DAMAGE:
        rows = np.flatnonzero(facts.exists & (facts.damage == kind))
        findings += finding_about(
            images_at(dataset, rows, values=[_seen(facts, int(row), kind) for row in rows]),
            code="I2",
            severity="error",
            message=f"{plural(len(rows), 'file')} {what}",
            consequence=_STOPS,
            fix=fix,
        )
    return findings


def _seen(facts: ImageFacts, row: int, kind: int) -> str:
    if kind == TOO_LARGE:
        return " x ".join(map(str, facts.size[row].tolist()))
    return facts.why_not.get(row, f"{int(facts.bytes[row]):,} bytes")


def _unusual_pixels(dataset: CocoDataset, facts: ImageFacts, *, decoded: bool) -> list[Finding]:
    """Return I5 by kind of pixels; what decoding has answered is not asked again."""
    sound = facts.exists & (facts.damage == SOUND)
    kinds = [(facts.pixels & bit != 0, kind) for bit, kind in _PIXELS]
    if not decoded:
        kinds.append((np.isin(facts.format, _RARELY_READ), _RARE_FORMAT))
    transparent = bool((facts.pixels & TRANSPARENT).any())
    kinds.append((facts.pixels & ALPHA != 0, _SEEN_THROUGH if transparent else _OPAQUE))
    findings = []
    for flags, kind in kinds:
        rows = np.flatnonzero(flags & sound)
        findings += finding_about(
            images_at(dataset, rows),
            code="I5",
            severity=kind.severity,
            message=f"{plural(len(rows), 'image')} {kind.what}",
            consequence=kind.consequence,
            fix=kind.fix,
        )
    return findings


def _decoded(dataset: CocoDataset, decoded: DecodedFacts) -> list[Finding]:
    """Return I2 and I12 of decoded images."""
    rows = np.flatnonzero(decoded.looked & ~decoded.readable)
    findings = finding_about(
        images_at(dataset, rows),
        code="I2",
        severity="error",
        message=f"{plural(len(rows), 'file')} that OpenCV cannot decode",
        consequence=_STOPS,
        fix="Replace these files, save them again as JPEG or PNG, or remove them from images.",
    )
    constant, light = decoded.contrast < CONSTANT, decoded.brightness
    kinds: tuple[tuple[npt.NDArray[np.bool_], str, npt.NDArray[np.float32], str], ...] = (
        (constant, "of one color all over", decoded.contrast, "contrast"),
        (~constant & (light < DARK), "very dark", light, "brightness"),
        (~constant & (light > BRIGHT), "very bright", light, "brightness"),
        (~constant & (decoded.sharpness < BLURRY), "blurry", decoded.sharpness, "sharpness"),
    )
    seen = decoded.looked & decoded.readable
    for flags, what, measure, name in kinds:
        rows = np.flatnonzero(flags & seen)
        values = [f"{name} {value:.1f}" for value in measure[rows].tolist()]
        findings += finding_about(
            images_at(dataset, rows, values=values),
            code="I12",
            severity="info",
            message=f"{plural(len(rows), 'image is', 'images are')} {what}",
            consequence="Invisible objects teach the model to guess.",
            fix="Check them; remove those in which the objects cannot be seen.",
        )
    return findings


FILE_CHECKS = (check_missing_images, check_contents)
