"""OpenCV's reading of files whose header leaves a doubt: MMDetection reads with OpenCV."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import replace
from enum import Enum
from pathlib import Path
from struct import error, unpack_from

import numpy as np

from train_teacher.images.facts import FORMATS, NOT_DECODED, SOUND, TOO_LARGE, ImageFacts

MOST_PIXELS = 1 << 30
"""CV_IO_MAX_IMAGE_PIXELS of OpenCV: imdecode refuses more."""
MOST_ASKED = 3
"""Files of one kind that OpenCV decodes; where they agree, the others are taken to be like them."""
_TURNING = tuple(map(FORMATS.index, ("TIFF", "AVIF", "WEBP", "other")))
"""Formats whose orientation OpenCV obeys always, never or by its flags, by version."""
_TIFF, _OTHER = map(FORMATS.index, ("TIFF", "other"))
_BY_VERSION = (_OTHER, *map(FORMATS.index, ("GIF", "AVIF")))
"""Formats that some OpenCV read and others do not."""
BIG_TIFF = (b"II+\0", b"MM\0+")
"""First bytes of a TIFF of more than 4 GiB, and of many a smaller one."""
_USUAL = {0x0115: (1, 3, 4), 0x0102: (1, 8, 16), 0x0103: (1, 5, 7, 8, 32773, 32946)}
"""Channels, bits of a channel and compressions of a TIFF that every OpenCV reads, by tag."""
_BANDS_TAG, _BIG = 0x0115, 0
_SHORT = 3
_SILENT = 0
"""The level of OpenCV's log below every message."""


class _Answer(Enum):
    SOUND = "it turns the image, or not, as its flags say"
    NOT_DECODED = "it cannot decode it"
    ALWAYS_TURNED = "it turns the image regardless of its flags"
    NEVER_TURNED = "it does not turn the image regardless of its flags"


def ask_opencv(facts: ImageFacts, paths: Sequence[str | None]) -> ImageFacts:
    """Return the facts with orientation and damage as OpenCV has them, where it was asked.

    Args:
        facts: from the headers.
        paths: of its M files.
    """
    sound = facts.exists & (facts.damage == SOUND)
    facts.damage[sound & (facts.size.prod(axis=1) > MOST_PIXELS)] = TOO_LARGE
    kinds: dict[tuple[Hashable, str], list[int]] = defaultdict(list)
    for row, kind, unusual in _doubtful(facts, paths):
        kinds[kind, unusual].append(row)
    why_not, always = {}, np.zeros(len(facts.exists), np.bool_)
    for (_, unusual), rows in kinds.items():
        answers = [_ask(facts, row, paths[row]) for row in rows[:MOST_ASKED]]
        if len(set(answers)) == 1:
            answers *= len(rows)
        else:
            answers += [_ask(facts, row, paths[row]) for row in rows[MOST_ASKED:]]
        for row, answer in zip(rows, answers, strict=False):
            if answer is _Answer.NOT_DECODED:
                facts.damage[row] = NOT_DECODED
                if unusual:
                    why_not[row] = unusual
            elif answer is _Answer.NEVER_TURNED:
                facts.orientation[row] = 1
            always[row] = answer is _Answer.ALWAYS_TURNED
    return replace(facts, why_not=why_not, always_turned=always)


def _doubtful(
    facts: ImageFacts, paths: Sequence[str | None]
) -> Iterator[tuple[int, Hashable, str]]:
    """Yield the rows that leave a doubt, of what kind they are, and their bands if unusual."""
    turned = np.isin(facts.format, _TURNING) & (facts.orientation > 1)
    unknown = (facts.size == 0).any(axis=1) & (facts.format > 0)
    looked_into = np.isin(facts.format, (_TIFF, _OTHER))
    by_version = np.isin(facts.format, _BY_VERSION)
    doubtful = facts.exists & (facts.damage == SOUND)
    doubtful &= turned | unknown | looked_into | by_version
    for row in np.flatnonzero(doubtful).tolist():
        unusual, start = _look(Path(str(paths[row]))) if looked_into[row] else ({}, b"")
        if not (turned[row] or unknown[row] or unusual or by_version[row]):
            continue
        kind = int(facts.format[row]), int(facts.orientation[row]), bool(unknown[row]), start
        bands = f"{unusual[_BANDS_TAG]} bands" if _BANDS_TAG in unusual else ""
        yield row, (*kind, *sorted(unusual.items())), bands


def _ask(facts: ImageFacts, row: int, path: str | None) -> _Answer:
    """Decode an image as it is loaded by default, and without turning."""
    import cv2

    # OpenCV 4 has these functions at its top.
    log = getattr(cv2.utils, "logging", cv2)
    level = log.getLogLevel()
    log.setLogLevel(_SILENT)
    try:
        content = np.frombuffer(Path(str(path)).read_bytes(), np.uint8)
        loaded = cv2.imdecode(content, cv2.IMREAD_COLOR)
        unturned = cv2.imdecode(content, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    except (OSError, cv2.error):
        return _Answer.NOT_DECODED
    finally:
        log.setLogLevel(level)
    if loaded is None or unturned is None:
        return _Answer.NOT_DECODED
    if facts.orientation[row] == 1 or not np.array_equal(loaded, unturned):
        return _Answer.SOUND
    height, width = loaded.shape[:2]
    # A square image, or one turned upside down, does not tell it, and the sizes need not.
    as_stored = (width, height) == tuple(facts.size[row].tolist())
    return _Answer.NEVER_TURNED if as_stored else _Answer.ALWAYS_TURNED


def _look(path: Path) -> tuple[dict[int, int], bytes]:
    """Return the tags of a TIFF that have another value than usual; of another file its start."""
    unusual = {}
    try:
        with path.open("rb") as file:
            head = file.read(8)
            order = {b"II*\0": "<", b"MM\0*": ">"}.get(head[:4])
            if order is None:
                return {_BIG: 1} if head[:4] in BIG_TIFF else {}, head[:3]
            file.seek(unpack_from(f"{order}I", head, 4)[0])
            (entries,) = unpack_from(f"{order}H", file.read(2))
            directory = file.read(12 * entries)
            for entry in range(0, len(directory) - 11, 12):
                tag, kind, count, value = unpack_from(f"{order}HHIH", directory, entry)
                if kind == _SHORT and count == 1 and value not in _USUAL.get(tag, (value,)):
                    unusual[tag] = int(value)
    except (OSError, error):
        pass
    return unusual, b""
