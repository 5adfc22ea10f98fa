"""Facts about the image files of a data set, as columns by image row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

(
    SOUND,
    EMPTY_FILE,
    WEB_PAGE,
    GIT_LFS,
    NOT_AN_IMAGE,
    TRUNCATED,
    UNREADABLE,
    HEIC,
    TOO_LARGE,
    NOT_DECODED,
) = range(10)
"""Values of `ImageFacts.damage`. UNREADABLE: the system refuses, or the header makes no sense;
TOO_LARGE: OpenCV refuses so many pixels; NOT_DECODED: OpenCV was asked, and cannot read it."""

GRAY, PALETTE, CMYK, ALPHA, DEEP, FLOAT, SEVERAL, TRANSPARENT = (1 << n for n in range(8))
"""Bits of `ImageFacts.pixels`. DEEP: more than 8 bits a channel; SEVERAL: pages or frames;
TRANSPARENT: some pixel really is (only a few files with ALPHA are looked at)."""

FORMATS = ("", "JPEG", "PNG", "GIF", "AVIF", "WEBP", "BMP", "TIFF", "other")
"""Names of the values of `ImageFacts.format`; `other` is what only Pillow knows."""

TURNED_FROM = 5
"""EXIF orientations from here on exchange width and height."""

THUMBNAIL = 32


@dataclass(frozen=True)
class ImageFacts:
    """Headers and last bytes of M image files, as columns; zeros where there is no file."""

    exists: npt.NDArray[np.bool_]
    bytes: npt.NDArray[np.int64]
    size: npt.NDArray[np.int64]
    """(M, 2) width and height in pixels as stored, 0 when unknown."""
    orientation: npt.NDArray[np.int8]
    """(M,) EXIF orientation 1 to 8, 1 when the file has none."""
    format: npt.NDArray[np.int8]
    """(M,) position in FORMATS."""
    pixels: npt.NDArray[np.uint8]
    """(M,) bits GRAY, PALETTE, CMYK, ALPHA, DEEP, FLOAT, SEVERAL, TRANSPARENT."""
    damage: npt.NDArray[np.int8]
    """(M,) SOUND or the kind of damage."""
    fingerprint: npt.NDArray[np.int64]
    """(M,) hash of the first and last bytes; says nothing in another process."""
    why_not: Mapping[int, str] = field(default_factory=dict)
    """By row, what OpenCV does not read in a file: `5 bands`."""
    always_turned: npt.NDArray[np.bool_] | None = None
    """(M,) images that OpenCV turns as their orientation says, regardless of its flags."""

    @property
    def displayed_size(self) -> npt.NDArray[np.int64]:
        """(M, 2) width and height in pixels as mmcv loads the image: turned as EXIF says."""
        turned = self.orientation >= TURNED_FROM
        return np.where(turned[:, None], self.size[:, ::-1], self.size)


@dataclass(frozen=True)
class DecodedFacts:
    """Results of decoding M images the way mmcv does (`--deep`)."""

    looked: npt.NDArray[np.bool_]
    """(M,) False for files that are missing or known to be damaged."""
    readable: npt.NDArray[np.bool_]
    hashes: npt.NDArray[np.uint64]
    """(M,) 64-bit difference hash: alike images differ in few bits."""
    brightness: npt.NDArray[np.float32]
    """(M,) mean gray value, 0 to 255."""
    contrast: npt.NDArray[np.float32]
    """(M,) standard deviation of the gray values."""
    sharpness: npt.NDArray[np.float32]
    """(M,) variance of the Laplacian at a long side of at most 640 pixels."""
    thumbnails: npt.NDArray[np.uint8]
    """(M, 32, 32) gray values."""


@dataclass(frozen=True)
class ImageFiles:
    """Facts about the image files of one data set of M images."""

    image_dir: Path | None
    missing: npt.NDArray[np.int64]
    """Rows of `CocoDataset.images` without a file."""
    sizes: Mapping[int, tuple[int, int]]
    """Width and height in pixels as mmcv loads them, by row, for images whose JSON has none."""
    checked: bool
    """False when files were not checked (`--no-images`): then `missing` means nothing."""
    renamed: Mapping[int, str] = field(default_factory=dict)
    """The name under `image_dir` by row, where the file was found under another than written."""
    unnamed: tuple[str, ...] = ()
    """Images in the folders looked at that no record names, relative to `image_dir`, sorted."""
    facts: ImageFacts | None = None
    """None when files were not checked or no folder was found."""
    contents: Mapping[int, bytes] = field(default_factory=dict)
    """Hash of the whole file by row, only where another file of the run may equal it."""
    decoded: DecodedFacts | None = None

    def name_of(self, row: int, file_name: str) -> str:
        """Return the name that finds the file under `image_dir`."""
        return self.renamed.get(row, file_name)
