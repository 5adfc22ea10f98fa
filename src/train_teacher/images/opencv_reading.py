"""What OpenCV makes of the few files whose header leaves a doubt: MMDetection reads with OpenCV."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from struct import error, unpack_from

import numpy as np
import numpy.typing as npt

from train_teacher.images.facts import FORMATS, NOT_DECODED, SOUND, TOO_LARGE, ImageFacts

Pixels = npt.NDArray[np.generic]

MOST_PIXELS = 1 << 30
"""CV_IO_MAX_IMAGE_PIXELS of OpenCV: imdecode refuses more."""
_TURNING = tuple(map(FORMATS.index, ("TIFF", "AVIF", "WEBP", "other")))
"""Formats whose orientation OpenCV obeys always, never or as it is told, by version."""
_DOUBTFUL = tuple(map(FORMATS.index, ("TIFF", "other")))
"""Formats with kinds of pixels that OpenCV does not know."""
_USUAL = {0x0115: (1, 3, 4), 0x0102: (1, 8, 16), 0x0103: (1, 5, 7, 8, 32773, 32946)}
"""Channels, bits of a channel and compressions of a TIFF that every OpenCV reads, by tag."""
_BANDS_TAG = 0x0115
_SHORT = 3


def ask_opencv(facts: ImageFacts, paths: Sequence[str | None]) -> ImageFacts:
    """Return the facts with size, orientation and damage as OpenCV has them, where it was asked.

    Args:
        facts: from the headers.
        paths: of its M files.
    """
    sound = facts.exists & (facts.damage == SOUND)
    facts.damage[sound & (facts.size.prod(axis=1) > MOST_PIXELS)] = TOO_LARGE
    asked = np.isin(facts.format, _TURNING) & (facts.orientation > 1)
    asked |= (facts.size == 0).any(axis=1) & (facts.format > 0)
    asked &= facts.damage == SOUND
    why_not = {}
    rows = np.flatnonzero(asked | (sound & np.isin(facts.format, _DOUBTFUL)))
    for row in rows.tolist():
        path = Path(str(paths[row]))
        unusual = _unusual(path)
        if not asked[row] and not unusual and facts.format[row] != _DOUBTFUL[1]:
            continue
        images = _decoded(path)
        if images is None:
            facts.damage[row] = NOT_DECODED
            if _BANDS_TAG in unusual:
                why_not[row] = f"{unusual[_BANDS_TAG]} bands"
            continue
        loaded, unturned = images
        height, width = unturned.shape[:2]
        facts.size[row] = width, height
        if np.array_equal(loaded, unturned):
            # Turned or not, it does not depend on what MMDetection is told.
            facts.orientation[row] = 1
    return replace(facts, why_not=why_not)


def _decoded(path: Path) -> tuple[Pixels, Pixels] | None:
    """Return an image as it is loaded by default and without turning; None if it cannot be."""
    import cv2

    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        content = np.frombuffer(path.read_bytes(), np.uint8)
        loaded = cv2.imdecode(content, cv2.IMREAD_COLOR)
        unturned = cv2.imdecode(content, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    except (OSError, cv2.error):
        return None
    finally:
        cv2.utils.logging.setLogLevel(level)
    if loaded is None or unturned is None:
        return None
    return np.asarray(loaded), np.asarray(unturned)


def _unusual(path: Path) -> dict[int, int]:
    """Return the tags of a TIFF's first directory that have another value than usual."""
    unusual = {}
    try:
        with path.open("rb") as file:
            head = file.read(8)
            order = {b"II*\0": "<", b"MM\0*": ">"}.get(head[:4])
            if order is None:
                return {}
            file.seek(unpack_from(f"{order}I", head, 4)[0])
            (entries,) = unpack_from(f"{order}H", file.read(2))
            directory = file.read(12 * entries)
            for entry in range(0, len(directory) - 11, 12):
                tag, kind, count, value = unpack_from(f"{order}HHIH", directory, entry)
                if kind == _SHORT and count == 1 and value not in _USUAL.get(tag, (value,)):
                    unusual[tag] = int(value)
    except (OSError, error):
        pass
    return unusual
