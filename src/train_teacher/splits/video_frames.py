"""File names of video frames: running numbers alone do not prove it."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from train_teacher.splits.image_tiles import FORMAT_MARK, SCALED, stem_of
from train_teacher.splits.split import ROBOFLOW_COPY, group_key

LEAST_FRAMES = 20
LEAST_DIGITS = 4
LEAST_DIGITS_AFTER_WORD = 3
REGULAR = 0.9
"""Share of the steps from number to number that are equal, as when every fifth frame is kept."""
MOST_COVERED = 0.9
"""Share of all images from which on a single stem is how the set is numbered, not a video."""
_NUMBERED = re.compile(r"^(?P<video>.*?)(?P<number>\d+)$")
_CONTAINERS = tuple("mp4 mov avi mkv webm m4v mpg mpeg wmv 3gp".split())
_WORDS = tuple("frame clip video vid movie sequence seq scene mvi gopr camera cam".split())
# The container that a tool cut the frames from stays in the name: sharks_mp4-18_jpg.rf.HASH.jpg.
_CONTAINER = re.compile(rf"[._-]({'|'.join(_CONTAINERS)})[._-]*(frame)?[._-]*$", re.I)
# Numbers alone are no sign: photo sets are numbered too (000000000139.jpg, IMG_0012.jpg).
_VIDEO_WORD = re.compile(rf"(^|[^a-z])({'|'.join(_WORDS)})s?[a-z]?(?![a-z])", re.I)
_HINTS = (*_CONTAINERS, *_WORDS)
"""In lower case, one of these is in every name that `video_frame` understands."""
_DIGITS = "0123456789"
_NUMBER = re.compile(r"(\d+)")
Stem = tuple[str, int]
"""A name without its number, and how many digits the number has."""


@dataclass(frozen=True)
class FrameNames:
    """The videos in the names of M images."""

    videos: list[str | None]
    """(M,) name of the video, None for other images."""
    only_numbered: str | None
    """A stem that nearly all images share, with numbers that may be those of frames or not."""


def video_frame(file_name: str) -> tuple[str, int] | None:
    """Return the video named in an image's name, and the number of the frame."""
    name = file_name.replace("\\", "/")
    stem = group_key(name) if ROBOFLOW_COPY.search(name) else os.path.splitext(name)[0]  # noqa: PTH122 (one call per image: ten times as fast as Path)
    match = _NUMBERED.match(FORMAT_MARK.sub("", stem))
    if match is None or SCALED.search(match[0]):
        return None
    video, number = match["video"], match["number"]
    cut = _CONTAINER.search(video)
    if cut is None and (len(number) < LEAST_DIGITS_AFTER_WORD or not _VIDEO_WORD.search(video)):
        return None
    return video.rstrip("._-"), int(number)


def frames_of_videos(names: Sequence[str]) -> dict[str, list[tuple[int, int]]]:
    """Return number and row of each frame of the videos in the names, in order."""
    # One look at all names spares the look at each: hardly any set is cut from videos.
    text = "\n".join(names).lower()
    videos: dict[str, list[tuple[int, int]]] = defaultdict(list)
    if any(hint in text for hint in _HINTS):
        for row, name in enumerate(names):
            frame = video_frame(name)
            if frame is not None:
                videos[frame[0]].append((frame[1], row))
    return {video: sorted(frames) for video, frames in videos.items()}


def find_videos(names: Sequence[str], sizes: npt.NDArray[np.float64]) -> FrameNames:
    """Return the video of each image as far as names show it.

    A name tells by the container it was cut from or by a word such as `frame` or `cam`; else by a
    stem with many regular numbers on images of one size, when there are several such stems. A
    set that is numbered from end to end (000000123456.jpg, img_0001.jpg) is not a video.

    Args:
        names: file names.
        sizes: (M, 2) width and height in pixels, NaN where unknown.
    """
    videos: list[str | None] = [None] * len(names)
    recorded: dict[Stem, list[int]] = {}
    for stem, rows in _by_stem(names).items():
        frame = video_frame(names[rows[0]])
        if frame is not None:
            for row in rows:
                videos[row] = frame[0]
        elif _looks_recorded(stem, [names[row] for row in rows], sizes[rows]):
            recorded[stem] = rows
    whole = MOST_COVERED * len(names)
    if len(recorded) == 1 and len(next(iter(recorded.values()))) >= whole:
        return FrameNames(videos, next(iter(recorded))[0])
    for (base, _), rows in recorded.items():
        for row in rows:
            videos[row] = base
    return FrameNames(videos, None)


def natural_key(name: str) -> list[tuple[int, int, str]]:
    """Return a key that sorts frame2 before frame10."""
    parts = _NUMBER.split(name)
    return [(0, int(p), "") if at % 2 else (1, 0, p) for at, p in enumerate(parts)]


def _by_stem(names: Sequence[str]) -> dict[Stem, list[int]]:
    stems: dict[Stem, list[int]] = defaultdict(list)
    for row, name in enumerate(names):
        stem = stem_of(name)
        base = stem.rstrip(_DIGITS)
        if base and len(base) < len(stem):
            stems[base, len(stem) - len(base)].append(row)
    return stems


def _looks_recorded(stem: Stem, names: Sequence[str], sizes: npt.NDArray[np.float64]) -> bool:
    base, digits = stem
    if len(names) < LEAST_FRAMES or digits < LEAST_DIGITS or (sizes != sizes[0]).any():
        return False  # NaN differs from itself: unknown sizes are no sign either
    numbers = sorted({int(stem_of(name)[len(base) :]) for name in names})
    steps: dict[int, int] = defaultdict(int)
    for one, following in pairwise(numbers):
        steps[following - one] += 1
    return max(steps.values(), default=0) >= REGULAR * (len(numbers) - 1) > 0
