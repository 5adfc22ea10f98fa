from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from coco_factory import image, make_coco
from train_teacher.coco.dataset import CocoDataset
from train_teacher.coco.reader import read_coco
from train_teacher.images.facts import (
    ALPHA,
    CMYK,
    DEEP,
    EMPTY_FILE,
    FLOAT,
    FORMATS,
    GIT_LFS,
    GRAY,
    NOT_AN_IMAGE,
    PALETTE,
    SEVERAL,
    TRANSPARENT,
    TRUNCATED,
    UNREADABLE,
    WEB_PAGE,
    DecodedFacts,
    ImageFacts,
    ImageFiles,
)
from train_teacher.inspection.checks.image_checks import check_contents, check_missing_images
from train_teacher.inspection.checks.image_name_checks import check_unnamed_images
from train_teacher.inspection.checks.image_size_checks import turned_photos
from train_teacher.inspection.facts import Finding

FOLDER = Path("images")
NOTHING = np.empty(0, np.int64)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def coco(folder: Path, *images: Mapping[str, Any]) -> CocoDataset:
    return read_coco(make_coco(folder, images=images, annotations=[], write_images=False))


def facts_of(
    dataset: CocoDataset,
    *,
    size: Sequence[tuple[int, int]] | None = None,
    orientation: Sequence[int] | None = None,
    pixels: Sequence[int] | None = None,
    damage: Sequence[int] | None = None,
    format_: Sequence[str] | None = None,
    exists: Sequence[bool] | None = None,
) -> ImageFacts:
    count = len(dataset.images)
    stated = [(i.width or 64, i.height or 48) for i in dataset.images]
    formats = [FORMATS.index(name) for name in format_ or ["JPEG"] * count]
    return ImageFacts(
        exists=np.array(exists or [True] * count),
        bytes=np.full(count, 1000),
        size=np.array(size or stated, np.int64),
        orientation=np.array(orientation or [1] * count, np.int8),
        format=np.array(formats, np.int8),
        pixels=np.array(pixels or [0] * count, np.uint8),
        damage=np.array(damage or [0] * count, np.int8),
        fingerprint=np.arange(count),
    )


def files_of(dataset: CocoDataset, **changes: Any) -> ImageFiles:
    more = {k: changes.pop(k) for k in ("renamed", "unnamed", "decoded") if k in changes}
    facts = facts_of(dataset, **changes)
    return ImageFiles(FOLDER, NOTHING, {}, checked=True, facts=facts, **more)


def only(findings: Sequence[Finding], code: str) -> Finding:
    assert [f.code for f in findings] == [code]
    return findings[0]


def test_sound_images_give_no_finding(folder: Path) -> None:
    dataset = coco(folder, image(1), image(2, "sub/2.JPEG"), image(3, "3.x", width=40))

    assert check_contents(dataset, files_of(dataset)) == []
    assert check_missing_images(dataset, FOLDER, NOTHING) == []


def test_missing_images_are_one_error_with_every_id(folder: Path) -> None:
    dataset = coco(folder, *(image(n) for n in range(5, 9)))

    some = only(check_missing_images(dataset, FOLDER, np.array([1, 2])), "I1")
    none = only(check_missing_images(dataset, None, np.arange(4)), "I1")

    assert some.severity == "error"
    assert some.ids == (6, 7)
    assert "2 of 4 (50 %) images are not in images" in some.message
    assert "none of the 4 images was found near" in none.message


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (EMPTY_FILE, "0 bytes"),
        (WEB_PAGE, "web page"),
        (GIT_LFS, "Git LFS"),
        (TRUNCATED, "no end-of-image marker"),
        (NOT_AN_IMAGE, "no image"),
        (UNREADABLE, "broken header"),
    ],
)
def test_each_kind_of_damage_is_one_error(folder: Path, damage: int, words: str) -> None:
    dataset = coco(folder, image(1), image(2), image(3))

    finding = only(check_contents(dataset, files_of(dataset, damage=[0, damage, damage])), "I2")

    assert finding.severity == "error"
    assert finding.count == 2
    assert finding.ids == (2, 3)
    assert words in finding.message
    assert finding.examples[0].value == "1,000 bytes"


@pytest.mark.parametrize(
    ("size", "severity", "words"),
    [
        ((48, 64), "error", "width and height exchanged"),
        ((128, 96), "error", "constant factor (0.5)"),
        ((200, 151), "error", "constant factor (0.32)"),
        ((100, 64), "error", "of another size than the JSON says"),
        ((65, 48), "info", "up to 2 pixels off"),
    ],
)
def test_a_size_that_differs_from_the_file_is_judged_by_how(
    folder: Path, size: tuple[int, int], severity: str, words: str
) -> None:
    dataset = coco(folder, image(1), image(2))

    finding = only(check_contents(dataset, files_of(dataset, size=[(64, 48), size])), "I3")

    assert finding.severity == severity
    assert words in finding.message
    assert finding.examples[0].file == "2.jpg"
    assert finding.examples[0].value == f"JSON 64 x 48, file {size[0]} x {size[1]}"


def test_a_photo_labelled_as_it_is_displayed_is_fine(folder: Path) -> None:
    dataset = coco(folder, image(1, width=48, height=64))

    assert check_contents(dataset, files_of(dataset, size=[(64, 48)], orientation=[6])) == []


@pytest.mark.parametrize(
    ("size", "orientation", "severity"),
    [
        ((64, 48), 6, "warning"),
        ((64, 48), 5, "warning"),
        ((64, 48), 3, "warning"),
        ((64, 48), 2, "warning"),
        ((64, 64), 8, "warning"),
    ],
)
def test_a_photo_labelled_as_it_is_stored_is_judged_by_its_orientation(
    folder: Path, size: tuple[int, int], orientation: int, severity: str
) -> None:
    dataset = coco(folder, image(1, width=size[0], height=size[1]))

    finding = only(
        check_contents(dataset, files_of(dataset, orientation=[orientation], size=[size])),
        "I4",
    )

    assert finding.severity == severity
    assert finding.examples[0].value == f"EXIF orientation {orientation}"


def test_photos_labelled_both_ways_cannot_be_read_right(folder: Path) -> None:
    dataset = coco(folder, image(1, width=64, height=48), image(2, width=48, height=64))
    files = files_of(dataset, orientation=[6, 6], size=[(64, 48), (64, 48)])

    assert only(check_contents(dataset, files), "I4").severity == "error"
    assert files.facts is not None
    assert turned_photos(dataset, files.facts) == (1, 1)


def test_sizes_are_not_judged_where_one_is_unknown(folder: Path) -> None:
    dataset = coco(folder, image(1, width=None), image(2), image(3))
    files = files_of(
        dataset, size=[(64, 48), (0, 0), (9, 9)], exists=[True, True, False], damage=[0, 0, 0]
    )
    files.facts.size[2] = 0  # type: ignore[union-attr]

    assert check_contents(dataset, files) == []


@pytest.mark.parametrize(
    ("pixels", "severity"),
    [
        (DEEP, "warning"),
        (FLOAT, "warning"),
        (SEVERAL, "warning"),
        (ALPHA | TRANSPARENT, "warning"),
        (ALPHA, "info"),
        (CMYK, "info"),
        (PALETTE, "info"),
        (GRAY, "info"),
    ],
)
def test_unusual_pixels_are_told(folder: Path, pixels: int, severity: str) -> None:
    dataset = coco(folder, image(1), image(2))

    finding = only(check_contents(dataset, files_of(dataset, pixels=[0, pixels])), "I5")

    assert (finding.severity, finding.ids) == (severity, (2,))


def test_gif_is_a_warning_of_its_own(folder: Path) -> None:
    dataset = coco(folder, image(1, "1.gif"))

    finding = only(check_contents(dataset, files_of(dataset, format_=["GIF"])), "I5")

    assert finding.severity == "warning"


def test_an_ending_that_is_not_the_content_is_told(folder: Path) -> None:
    dataset = coco(folder, image(1), image(2), image(3, "3.data"))

    finding = only(check_contents(dataset, files_of(dataset, format_=["JPEG", "PNG", "PNG"])), "I6")

    assert (finding.severity, finding.ids) == ("info", (2,))
    assert finding.examples[0].value == "is PNG"


def test_images_too_small_to_be_trained_are_told_even_without_files(folder: Path) -> None:
    dataset = coco(folder, image(1, width=31), image(2, width=32, height=32))

    finding = only(check_contents(dataset, ImageFiles(None, NOTHING, {}, checked=False)), "I7")

    assert (finding.severity, finding.ids) == ("warning", (1,))


@pytest.mark.parametrize(("count", "severity"), [(50, "warning"), (200, "info")])
@pytest.mark.parametrize(("size", "words"), [((4001, 3000), "4000"), ((601, 120), "5 times")])
def test_extreme_images_are_a_warning_only_when_they_are_many(
    folder: Path, size: tuple[int, int], words: str, count: int, severity: str
) -> None:
    images = [image(n) for n in range(1, count)]
    dataset = coco(folder, *images, image(count, width=size[0], height=size[1]))

    finding = only(check_contents(dataset, files_of(dataset)), "I8")

    assert (finding.severity, finding.ids) == (severity, (count,))
    assert words in finding.message


@pytest.mark.parametrize(
    ("written", "found", "words"),
    [
        ("http://host/1.jpg", "1.jpg", "an address"),
        ("file:///a/1.jpg", "1.jpg", "an address"),
        ("C:\\a\\1.jpg", "1.jpg", "Windows drive"),
        ("a\\1.jpg", "a/1.jpg", "backslashes"),
        ("/a/1.jpg", "1.jpg", "full path"),
        ("../a/1.jpg", "a/1.jpg", "../"),
        ("a%201.jpg", "a 1.jpg", "%20"),
        ("A.jpg", "a.JPG", "upper and lower case"),
        ("images/1.jpg", "1.jpg", "another folder"),
    ],
)
def test_names_that_needed_good_will_are_told_by_kind(
    folder: Path, written: str, found: str, words: str
) -> None:
    dataset = coco(folder, image(1, "0.jpg"), image(2, written))

    finding = only(check_contents(dataset, files_of(dataset, renamed={1: found})), "I9")

    assert (finding.severity, finding.ids) == ("warning", (2,))
    assert words in finding.message
    assert "train-teacher repairs it" in finding.fix
    assert finding.examples[0].value == f"found as {found}"


def test_full_paths_that_exist_are_told_and_odd_but_true_names_are_not(folder: Path) -> None:
    names = ("/data/1.jpg", "100%20.jpg", "12:30.jpg", "a..b.jpg")
    dataset = coco(folder, *(image(n, name) for n, name in enumerate(names, 1)))

    finding = only(check_contents(dataset, files_of(dataset)), "I9")

    assert finding.ids == (1,)
    assert "moved" in finding.consequence


def test_images_that_no_split_names_are_counted_once(folder: Path) -> None:
    train, val = coco(folder, image(1)), coco(folder, image(2))
    splits = [
        ("train", train, files_of(train, unnamed=("2.jpg", "3.jpg"))),
        ("val", val, files_of(val, unnamed=("1.jpg", "3.jpg"))),
    ]

    finding = only(check_unnamed_images(splits), "I10")

    assert (finding.severity, finding.count) == ("info", 1)
    assert finding.examples[0].file == str(FOLDER / "3.jpg")
    assert check_unnamed_images([("train", train, files_of(train))]) == []


def test_what_only_decoding_shows_is_told(folder: Path) -> None:
    dataset = coco(folder, *(image(n) for n in range(1, 8)))
    decoded = DecodedFacts(
        looked=np.array([True] * 6 + [False]),
        readable=np.array([True] * 5 + [False, False]),
        hashes=np.zeros(7, np.uint64),
        brightness=np.array([100, 20, 240, 5, 100, 0, 0], np.float32),
        contrast=np.array([50, 9, 9, 0, 30, 0, 0], np.float32),
        sharpness=np.array([500, 100, 100, 0, 4, 0, 0], np.float32),
        thumbnails=np.zeros((7, 32, 32), np.uint8),
    )

    findings = check_contents(dataset, files_of(dataset, decoded=decoded))

    assert [(f.code, f.severity, f.ids) for f in findings] == [
        ("I2", "error", (6,)),
        ("I12", "info", (4,)),
        ("I12", "info", (2,)),
        ("I12", "info", (3,)),
        ("I12", "info", (5,)),
    ]
