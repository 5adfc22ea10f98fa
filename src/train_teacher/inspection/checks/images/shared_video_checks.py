"""D8 for videos and tiles: frames of one video in two splits are not equal, but nearly so."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from train_teacher.coco.dataset import CocoDataset, image_sizes
from train_teacher.core.words import listed, plural
from train_teacher.inspection.facts import Finding
from train_teacher.inspection.finding import finding_about, images_at
from train_teacher.inspection.inspected import Inspected, InspectedFile
from train_teacher.splits.group_rules import first_field, keys_of_field
from train_teacher.splits.groups import VIDEO_FIELDS
from train_teacher.splits.image_tiles import find_tiles
from train_teacher.splits.video_frames import frames_of_videos

Videos = Mapping[str, Sequence[int]]
"""Rows of the images of each video."""


@dataclass(frozen=True)
class _Parts:
    """Names of the parts that two splits share."""

    part: str
    whole: str
    consequence: str


_FRAMES = _Parts("frames", "video", "Neighboring frames are nearly the same image")
_TILES = _Parts("tiles", "image", "Neighboring tiles overlap or show one scene")
SMALL_SET = 50
"""Images in all, up to which two frames of one video count; above, `FRAMES` do."""
FRAMES = 3


def check_shared_videos(data: Inspected) -> list[Finding]:
    """Return D8 for videos of which two splits have frames, and images of which they have tiles."""
    splits = data.files
    if len(splits) == 1:
        return []
    tiles = _without_namesakes(splits, _tiles(splits))
    fields = [split.fields.values for split in splits]
    named = next((name for part in fields if (name := first_field(part, VIDEO_FIELDS))), None)
    by_field = [_videos_of_field(part.get(named or "", ())) for part in fields]
    own_numbers = _numbered_apart(by_field)
    findings = [] if own_numbers else _shared(splits, by_field, f"of the same {named}")
    told = {(f.split, id_) for f in findings for id_ in f.ids}
    by_name = _without_namesakes(splits, [_videos_of_names(split.dataset) for split in splits])
    findings += _shared(splits, tiles, "by their names", _TILES)
    return findings + [
        f
        for f in _shared(splits, by_name, "by their names")
        if not all((f.split, id_) in told for id_ in f.ids)
    ]


def _videos_of_field(values: Sequence[Any]) -> Videos:
    rows: dict[str, list[int]] = defaultdict(list)
    for row, key in enumerate(keys_of_field(values)):
        if key is not None:
            rows[str(msgspec.json.decode(key))].append(row)
    return rows


def _numbered_apart(splits: Sequence[Videos]) -> bool:
    """Return whether each file counts its videos from 0 or 1: video 1 then differs.

    Different videos of YouTube-VIS have the same number in train and in val. A random split of one
    file leaves gaps, or all numbers on both sides.
    """
    numbers = [sorted(int(k) for k in videos) for videos in splits if all(map(_whole, videos))]
    if len(numbers) < len(splits) or not all(numbers):
        return False
    counted = all(n[0] in (0, 1) and n[-1] - n[0] == len(n) - 1 for n in numbers)
    return counted and (len({len(n) for n in numbers}) > 1 or len(numbers[0]) == 1)


def _whole(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _videos_of_names(dataset: CocoDataset) -> Videos:
    videos = frames_of_videos([image.file_name for image in dataset.images])
    return {video: sorted(row for _, row in frames) for video, frames in videos.items()}


def _tiles(splits: Sequence[InspectedFile]) -> Sequence[Videos]:
    """Return the tiles of each image by split; together their names tell more than apart."""
    sizes = [image_sizes(split.dataset) for split in splits]
    names = [image.file_name for split in splits for image in split.dataset.images]
    sources = iter(find_tiles(names, np.concatenate(sizes)))
    by_split = []
    for split in splits:
        rows: dict[str, list[int]] = defaultdict(list)
        for row in range(len(split.dataset.images)):
            source = next(sources)
            if source is not None:
                rows[source].append(row)
        by_split.append(rows)
    return by_split


def _without_namesakes(
    splits: Sequence[InspectedFile], videos: Sequence[Videos]
) -> Sequence[Videos]:
    """Leave out videos of which two files have the same frames: two videos cut to frame_0001.jpg.

    Frames that really are the same are found as files, by content or by name.
    """

    def frames(number: int, video: str) -> set[str]:
        images = splits[number].dataset.images
        return {images[row].file_name for row in videos[number].get(video, ())}

    def is_namesake(number: int, video: str) -> bool:
        own = frames(number, video)
        others = (frames(other, video) for other in range(number))
        return any(len(own & other) > min(len(own), len(other)) / 2 for other in others)

    return [
        {video: rows for video, rows in part.items() if not is_namesake(number, video)}
        for number, part in enumerate(videos)
    ]


def _shared(
    splits: Sequence[InspectedFile], videos: Sequence[Videos], how: str, parts: _Parts = _FRAMES
) -> list[Finding]:
    small = sum(len(split.dataset.images) for split in splits) < SMALL_SET
    least = 2 if small or parts is _TILES else FRAMES
    findings = []
    for number in range(1, len(splits)):
        frames = {
            video: sum(len(part[video]) for part in videos[:number] if video in part) + len(rows)
            for video, rows in videos[number].items()
            if any(video in part for part in videos[:number])
        }
        shared = sorted(video for video, count in frames.items() if count >= least)
        if shared:
            elsewhere = [
                split.name
                for split, part in zip(splits, videos[:number], strict=False)
                if any(video in part for video in shared)
            ]
            rows = [row for video in shared for row in videos[number][video]]
            what = f"{parts.part} of {plural(len(shared), parts.whole)} ({how})"
            where = f"in {splits[number].name} and in {' and '.join(elsewhere)}"
            findings += finding_about(
                images_at(splits[number].dataset, rows),
                code="D8",
                severity="warning",
                message=f"{what} {where}: {listed(shared)}",
                consequence=f"{parts.consequence}: scores would be too high.",
                fix=f"Give every {parts.whole} to one split only, or give a single file: "
                f"train-teacher keeps its {parts.part} together.",
                split=splits[number].name,
            )
    return findings


CHECKS = (check_shared_videos,)
