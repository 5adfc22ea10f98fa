from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from train_teacher.core.errors import UsageError
from train_teacher.images.facts import DecodedFacts
from train_teacher.splits.group_rules import parse_group_by
from train_teacher.splits.groups import Grouping, ImageClues, group_images


def clues(names: Sequence[str], **known: Any) -> ImageClues:
    return ImageClues(
        file_names=names,
        paths=known.pop("paths", names),
        sizes=np.full((len(names), 2), 640.0),
        **known,
    )


def sets(groups: Any) -> list[list[int]]:
    """Return the rows of every group of at least two."""
    rows: dict[int, list[int]] = {}
    for row, number in enumerate(groups.tolist()):
        rows.setdefault(number, []).append(row)
    return [members for members in rows.values() if len(members) > 1]


def group(names: Sequence[str], rule: str = "auto", **known: Any) -> Grouping:
    return group_images(clues(names, **known), parse_group_by(rule))


def looks(*hashes: int) -> DecodedFacts:
    """Images whose pixels are alike when the last byte of the hash is."""
    count = len(hashes)
    noise = np.random.default_rng(0).integers(0, 255, (256, 32, 32), dtype=np.uint8)
    return DecodedFacts(
        looked=np.ones(count, np.bool_),
        readable=np.ones(count, np.bool_),
        hashes=np.array(hashes, np.uint64),
        brightness=np.full(count, 100, np.float32),
        contrast=np.full(count, 50, np.float32),
        sharpness=np.full(count, 50, np.float32),
        thumbnails=noise[[one % 256 for one in hashes]],
    )


def test_images_without_a_sign_are_on_their_own() -> None:
    found = group(["a.jpg", "b.jpg", "c.jpg"])
    assert sets(found.groups) == []
    assert found.found == ()


def test_copies_of_one_source_are_one_group() -> None:
    found = group(["a_jpg.rf.01.jpg", "b_jpg.rf.02.jpg", "a_jpg.rf.03.jpg"])
    assert sets(found.groups) == sets(found.copies) == [[0, 2]]
    assert found.found == ("2 images as copies of one source (Roboflow names), in 1 group",)


def test_equal_content_is_one_group_and_joins_others() -> None:
    names = ["a_jpg.rf.01.jpg", "a_jpg.rf.02.jpg", "c.jpg", "d.jpg"]
    found = group(names, contents={1: b"x", 3: b"x"})
    assert sets(found.groups) == [[0, 1, 3]]


def test_near_duplicates_are_one_group_but_no_copies() -> None:
    # Hashes that differ in twelve bits are of two images, in two bits of one.
    found = group(["a.jpg", "b.jpg", "c.jpg"], decoded=looks(0x700, 0xFFF0000000000700, 0xABCDEF))
    assert sets(found.groups) == []
    found = group(["a.jpg", "b.jpg", "c.jpg"], decoded=looks(0x700, 0x3000000000000700, 0xABCDEF))
    assert sets(found.groups) == [[0, 1]]
    assert sets(found.copies) == []
    assert found.found == ("2 images that look nearly the same, in 1 group",)


def test_images_that_were_not_looked_at_are_not_alike() -> None:
    decoded = looks(0, 0)
    decoded.looked[1] = False
    assert sets(group(["a.jpg", "b.jpg"], decoded=decoded).groups) == []


def test_a_member_that_names_the_video_comes_before_file_names() -> None:
    names = [f"frame_{number:06d}.jpg" for number in range(6)]
    found = group(names, fields={"video_id": [1, 1, 2, 2, None, None]})
    assert sets(found.groups) == [[0, 1], [2, 3]]
    assert found.found == ("4 images with the same video_id, in 2 groups",)


def test_frames_are_found_by_name() -> None:
    names = [f"video{video}_{number:06d}.jpg" for video in (1, 2) for number in range(3)]
    assert sets(group(names).groups) == [[0, 1, 2], [3, 4, 5]]


def test_a_numbered_set_is_noted() -> None:
    found = group([f"rec_{number:05d}.jpg" for number in range(50)])
    assert sets(found.groups) == []
    assert "rec_" in found.notes[0]
    assert "--group-by" in found.notes[0]


def test_none_keeps_only_the_same_file_together() -> None:
    names = ["a_jpg.rf.01.jpg", "a_jpg.rf.02.jpg", "c.jpg", "c.jpg"]
    assert sets(group(names, "none", contents={0: b"x", 2: b"x"}).groups) == [[2, 3]]


def test_folders_are_groups_and_copies_join_them() -> None:
    names = ["x/1.jpg", "x/2.jpg", "y/1.jpg", "z/1.jpg"]
    assert sets(group(names, "folder").groups) == [[0, 1]]
    assert sets(group(names, "folder", contents={1: b"x", 2: b"x"}).groups) == [[0, 1, 2]]


def test_folders_that_only_the_disk_knows_are_taken_from_there() -> None:
    found = group(["1.jpg", "2.jpg", "3.jpg"], "folder", paths=["x/1.jpg", "x/2.jpg", "y/3.jpg"])
    assert sets(found.groups) == [[0, 1]]


def test_a_field_groups_and_images_without_it_are_counted() -> None:
    found = group(["a.jpg", "b.jpg", "c.jpg"], "field:day", fields={"day": ["mo", "mo", None]})
    assert sets(found.groups) == [[0, 1]]
    assert found.notes == ("field:day says nothing about 1 image: each is a group.",)


def test_a_field_that_no_record_has_is_refused() -> None:
    with pytest.raises(UsageError, match="They have: id, licence"):
        group(["a.jpg"], "field:day", known_fields=("id", "licence"))


def test_a_pattern_groups() -> None:
    found = group(["mo_1.jpg", "mo_2.jpg", "tu_1.jpg"], "regex:^([a-z]+)_")
    assert sets(found.groups) == [[0, 1]]


def test_an_explicit_rule_overrides_what_looks_or_names_say() -> None:
    names = [f"video1_{number:06d}.jpg" for number in range(4)]
    found = group(names, r"regex:(\d)\.jpg", decoded=looks(0, 0, 0, 0))
    assert sets(found.groups) == []


def test_tiles_of_one_image_are_one_group_and_no_video() -> None:
    names = [f"scene0{source}__1__{x}___0.png" for source in (1, 2) for x in (0, 200, 400)]

    found = group(names)

    assert sets(found.groups) == [[0, 1, 2], [3, 4, 5]]
    assert found.found == ("6 images as tiles of one image (by file name), in 2 groups",)
    assert sets(group(names, "none").groups) == []


def test_tiles_of_a_single_image_stay_apart_and_the_user_is_told() -> None:
    found = group([f"map_r{row}_c{column}.png" for row in range(3) for column in range(3)])

    assert sets(found.groups) == []
    assert "all images are tiles of one image, map" in found.notes[0]
