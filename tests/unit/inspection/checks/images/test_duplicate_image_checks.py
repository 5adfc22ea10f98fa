from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from msgspec import structs

from coco_factory import image
from inspected_data import NO_ROWS, data_of, file_of, read
from train_teacher.images.facts import DecodedFacts, ImageFiles
from train_teacher.inspection.checks.images.duplicate_image_checks import check_duplicates
from train_teacher.inspection.inspected import InspectedFile

NOISE = np.random.default_rng(0)


def split(
    folder: Path,
    name: str,
    names: Sequence[str],
    *,
    images: str | None = None,
    contents: Mapping[int, bytes] | None = None,
    looks: Sequence[int] | None = None,
) -> InspectedFile:
    records = [image(n, file_name) for n, file_name in enumerate(names, 1)]
    dataset = read(folder, f"{name}.json", images=records, annotations=[])
    files = ImageFiles(Path(images or name), NO_ROWS, {}, checked=True, contents=contents or {})
    files = files if looks is None else replace(files, decoded=looking(looks))
    return file_of(dataset, files, name=name)


def looking(looks: Sequence[int]) -> DecodedFacts:
    """Images with the same number look the same, up to one bit and one gray value."""
    count = len(looks)
    hashes = np.random.default_rng(7).integers(0, 2**63, 1000, dtype=np.uint64)
    images = np.random.default_rng(8).integers(20, 230, (1000, 32, 32), dtype=np.uint8)
    own = np.arange(count)
    return DecodedFacts(
        looked=np.ones(count, np.bool_),
        readable=np.ones(count, np.bool_),
        hashes=hashes[list(looks)] ^ np.left_shift(np.uint64(1), own.astype(np.uint64)),
        brightness=np.full(count, 100, np.float32),
        contrast=np.full(count, 40, np.float32),
        sharpness=np.full(count, 400, np.float32),
        thumbnails=images[list(looks)] + (own % 3).astype(np.uint8)[:, None, None],
    )


def told(splits: Sequence[InspectedFile]) -> list[tuple[str, str, str | None, tuple[object, ...]]]:
    return [(f.code, f.severity, f.split, f.ids) for f in check_duplicates(data_of(*splits))]


def test_different_images_give_no_finding(tmp_path: Path) -> None:
    names = [f"{n:012d}.jpg" for n in range(60)]
    train = split(tmp_path, "train", names, looks=range(60), contents={1: b"a", 2: b"b"})
    val = split(tmp_path, "val", names, looks=range(60, 120), contents={1: b"c"})

    assert told([train]) == []
    assert told([train, val]) == []


def test_the_same_file_in_two_splits_is_told_of_the_later(tmp_path: Path) -> None:
    splits = [
        split(tmp_path, "train", ["1.jpg", "2.jpg"], images="all"),
        split(tmp_path, "val", ["3.jpg", "sub/../2.jpg"], images="all"),
        split(tmp_path, "test", ["2.jpg"], images="all"),
    ]

    findings = check_duplicates(data_of(*splits))

    assert told(splits) == [("D8", "warning", "val", (2,)), ("D8", "warning", "test", (1,))]
    assert findings[0].message == "1 image of val also in train: the same file"
    assert findings[0].examples[0].value == "like 2.jpg of train"


def test_the_same_name_in_two_folders_is_another_image(tmp_path: Path) -> None:
    assert told([split(tmp_path, "train", ["1.jpg"]), split(tmp_path, "val", ["1.jpg"])]) == []


def test_missing_files_are_not_the_same_file(tmp_path: Path) -> None:
    splits = [split(tmp_path, name, ["1.jpg"], images="all") for name in ("train", "val")]
    gone = [replace(s, files=replace(s.files, missing=np.array([0]))) for s in splits]

    assert told(splits) != []
    assert told(gone) == []


def test_augmented_copies_of_one_source_in_two_splits_are_told(tmp_path: Path) -> None:
    train = split(tmp_path, "train", ["cat_jpg.rf.aa11.jpg", "cat_jpg.rf.bb22.jpg"])
    val = split(tmp_path, "val", ["dog_jpg.rf.cc33.jpg", "cat_jpg.rf.dd44.jpg"])

    assert told([train]) == []
    assert told([train, val]) == [("D8", "warning", "val", (2,))]


def test_equal_contents_are_told_apart_within_a_split_and_between(tmp_path: Path) -> None:
    contents = {0: b"same", 1: b"same", 2: b"other"}
    train = split(tmp_path, "train", ["1.jpg", "2.jpg", "3.jpg"], contents=contents)
    val = split(tmp_path, "val", ["4.jpg", "5.jpg"], contents={1: b"other"})

    assert told([train]) == [("I11", "warning", None, (1, 2))]
    assert told([train, val]) == [
        ("D8", "warning", "val", (2,)),
        ("I11", "warning", "train", (1, 2)),
    ]


def test_alike_images_are_told_apart_within_a_split_and_between(tmp_path: Path) -> None:
    train = split(tmp_path, "train", ["1.jpg", "2.jpg", "3.jpg"], looks=[1, 2, 1])
    val = split(tmp_path, "val", ["4.jpg", "5.jpg"], looks=[3, 2])

    assert told([train, val]) == [
        ("D8", "warning", "val", (2,)),
        ("I11", "warning", "train", (1, 3)),
    ]


def test_a_image_is_told_under_one_kind_only(tmp_path: Path) -> None:
    train = split(tmp_path, "train", ["1.jpg"], images="a", looks=[1], contents={0: b"x"})
    val = split(tmp_path, "val", ["1.jpg"], images="a", looks=[1], contents={0: b"x"})

    assert told([train, val]) == [("D8", "warning", "val", (1,))]


def test_augmented_copies_and_a_file_named_twice_may_look_alike_in_one_split(
    tmp_path: Path,
) -> None:
    copies = split(tmp_path, "train", ["a_jpg.rf.1a.jpg", "a_jpg.rf.2b.jpg"], looks=[1, 1])
    twice = split(tmp_path, "train", ["1.jpg", "1.jpg"], looks=[1, 1])

    assert told([copies]) == []
    assert told([twice]) == []


def unseen(parts: Sequence[InspectedFile], *sizes: tuple[int, int]) -> list[InspectedFile]:
    """Return the splits as `--no-images` leaves them, the images of each in these sizes."""
    return [
        file_of(
            replace(
                part.dataset,
                images=tuple(
                    structs.replace(one, width=sizes[(n + shift) % len(sizes)][0])
                    for n, one in enumerate(part.dataset.images)
                ),
            ),
            name=part.name,
        )
        for shift, part in enumerate(parts)
    ]


def test_equal_names_are_a_warning_when_nobody_looked_at_the_images(tmp_path: Path) -> None:
    names = [f"p{n * 7919:08x}.jpg" for n in range(30)]
    parts = [split(tmp_path, "train", names), split(tmp_path, "val", names[:2])]

    assert told(parts) == []
    assert told(unseen(parts, (64, 48))) == [("D8", "warning", "val", (1, 2))]


def test_the_names_that_any_folder_has_are_no_sign(tmp_path: Path) -> None:
    names = [f"{n:04d}.jpg" for n in range(300)]
    parts = [split(tmp_path, "train", names), split(tmp_path, "val", names)]

    assert told(unseen(parts, (64, 48))) == []
    assert told(unseen(parts, (64, 48), (80, 60), (70, 50))) == []
