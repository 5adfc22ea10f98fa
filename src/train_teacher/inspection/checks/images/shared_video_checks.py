"""D8 for videos: frames of one video in two splits are not equal, but nearly so."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from train_teacher.coco.dataset import CocoDataset
from train_teacher.core.words import listed, plural
from train_teacher.inspection.facts import Finding, Severity
from train_teacher.inspection.finding import finding_about, images_at
from train_teacher.inspection.inspected import Inspected, InspectedFile
from train_teacher.splits.group_rules import first_field, keys_of_field
from train_teacher.splits.groups import VIDEO_FIELDS
from train_teacher.splits.video_frames import frames_of_videos

Videos = Mapping[str, Sequence[int]]
"""Rows of the images of each video."""

SMALL_SET = 50
"""Images in all, up to which two frames of one video count; above, `FRAMES` do."""
FRAMES = 3


def check_shared_videos(data: Inspected) -> list[Finding]:
    """Return D8 for videos of which two splits have frames."""
    splits = data.files
    if len(splits) == 1:
        return []
    fields = [split.fields.values for split in splits]
    named = next((name for part in fields if (name := first_field(part, VIDEO_FIELDS))), None)
    by_field = [_videos_of_field(part.get(named or "", ())) for part in fields]
    own_numbers = _numbered_apart(by_field)
    findings = [] if own_numbers else _shared(splits, by_field, f"of the same {named}")
    told = {(f.split, id_) for f in findings for id_ in f.ids}
    by_name = _without_namesakes(splits, [_videos_of_names(split.dataset) for split in splits])
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
    """Tell whether each file counts its videos from 0 or 1: video 1 is then not that of the other.

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


def _shared(splits: Sequence[InspectedFile], videos: Sequence[Videos], how: str) -> list[Finding]:
    small = sum(len(split.dataset.images) for split in splits) < SMALL_SET
    least = 2 if small else FRAMES
    findings = []
    for number in range(1, len(splits)):
        frames = {
            video: sum(len(part[video]) for part in videos[:number] if video in part) + len(rows)
            for video, rows in videos[number].items()
            if any(video in part for part in videos[:number])
        }
        shared = sorted(video for video, count in frames.items() if count >= least)
        if shared:
            # Two files may count their videos alike, and two images may have such a name by
            # chance; three with a name are a video.
            certain = any(frames[video] >= FRAMES and not _whole(video) for video in shared)
            elsewhere = [
                split.name
                for split, part in zip(splits, videos[:number], strict=False)
                if any(video in part for video in shared)
            ]
            rows = [row for video in shared for row in videos[number][video]]
            findings += _finding(splits[number], elsewhere, shared, rows, how, certain)
    return findings


def _finding(
    split: InspectedFile,
    elsewhere: Sequence[str],
    shared: Sequence[str],
    rows: Sequence[int],
    how: str,
    certain: bool,
) -> list[Finding]:
    severity: Severity = "error" if certain else "warning"
    return finding_about(
        images_at(split.dataset, rows),
        code="D8",
        severity=severity,
        message=f"frames of {plural(len(shared), 'video')} ({how}) in {split.name} and in "
        f"{' and '.join(elsewhere)}: {listed(shared)}",
        consequence="Neighbouring frames are nearly the same image: scores would be too high. "
        "train-teacher warns of it and goes on.",
        fix="Give every video to one split only, or give a single file: train-teacher keeps the "
        "frames of a video together.",
        split=split.name,
    )


CHECKS = (check_shared_videos,)
