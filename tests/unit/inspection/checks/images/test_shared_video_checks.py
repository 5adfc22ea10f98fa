from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from coco_factory import image
from inspected_data import data_of, file_of, read
from train_teacher.inspection.checks.images.shared_video_checks import check_shared_videos

Told = list[tuple[str, str | None, tuple[object, ...]]]


def told(folder: Path, *names: Sequence[str], **field: Sequence[Sequence[Any]]) -> Told:
    """Return what is said of train, val and test with these file names and members of images."""
    splits = []
    for number, (name, files) in enumerate(zip(("train", "val", "test"), names, strict=False)):
        records = [image(n, file) for n, file in enumerate(files, 1)]
        dataset = read(folder, f"{name}.json", images=records, annotations=[])
        videos = {key: part[number] for key, part in field.items()}
        splits.append(file_of(dataset, name=name, videos=videos))
    return [(f.severity, f.split, f.ids) for f in check_shared_videos(data_of(*splits))]


def clip(*numbers: int) -> list[str]:
    return [f"clip_{n:04d}.jpg" for n in numbers]


def plain(count: int, start: int = 0) -> list[str]:
    return [f"{n:012d}.jpg" for n in range(start, start + count)]


def test_two_frames_of_one_video_in_two_splits_are_told_in_a_small_set(tmp_path: Path) -> None:
    assert told(tmp_path, clip(1), clip(2)) == [("warning", "val", (1,))]
    assert told(tmp_path, clip(1, 2), clip(3)) == [("warning", "val", (1,))]
    assert told(tmp_path, clip(1), [], clip(3, 4)) == [("warning", "test", (1, 2))]


def test_in_a_large_set_two_frames_are_chance(tmp_path: Path) -> None:
    assert told(tmp_path, [*clip(1), *plain(60)], clip(2)) == []
    assert told(tmp_path, [*clip(1, 2), *plain(60)], clip(3)) == [("warning", "val", (1,))]


def test_different_videos_are_fine(tmp_path: Path) -> None:
    assert told(tmp_path, clip(1, 2, 3), [f"other_{n:04d}.jpg" for n in range(3)]) == []


def test_two_videos_with_the_same_frame_names_are_two_videos(tmp_path: Path) -> None:
    names = [f"frame_{n:06d}.jpg" for n in range(30)]

    assert told(tmp_path, names, names[:20]) == []


@pytest.mark.parametrize("member", ["video_id", "seq_name", "recording"])
def test_a_member_of_the_records_tells_the_video(tmp_path: Path, member: str) -> None:
    videos = {member: [["a1"] * 3 + ["b2"] * 3, ["b2", "c3", None]]}

    assert told(tmp_path, plain(6), plain(3, 9), **videos) == [("warning", "val", (1,))]


def test_numbers_of_videos_are_told_unless_each_file_counts_its_own(tmp_path: Path) -> None:
    own = {"video_id": [[1, 1, 2, 2, 3, 3], [1, 1, 2, 2]]}
    torn = {"video_id": [[1, 1, 2, 2, 3, 3], [1, 3, 3, 1]]}

    assert told(tmp_path, plain(6), plain(4, 9), **own) == []
    assert told(tmp_path, plain(6), plain(4, 9), **torn) == [("warning", "val", (1, 4, 2, 3))]


def test_a_video_known_by_member_and_by_name_is_told_once(tmp_path: Path) -> None:
    videos = {"video_id": [["a"] * 3, ["a"] * 2]}

    assert told(tmp_path, clip(1, 2, 3), clip(4, 5), **videos) == [("warning", "val", (1, 2))]


def test_tiles_of_one_image_in_two_splits_are_told(tmp_path: Path) -> None:
    tiles = [f"P1_{x}_0_{x + 512}_512.png" for x in (0, 512, 1024, 1536)]
    other = [f"P2_{x}_0_{x + 512}_512.png" for x in (0, 512)]

    assert told(tmp_path, tiles[:3], [*tiles[3:], *other]) == [("warning", "val", (1,))]
    assert told(tmp_path, tiles, other) == []
