from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from coco_factory import image
from inspected_data import FOLDER, file_of, images_of, read
from train_teacher.coco.dataset import CocoDataset
from train_teacher.images.facts import (
    ALPHA,
    CMYK,
    DEEP,
    EMPTY_FILE,
    FLOAT,
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
    ImageFiles,
)
from train_teacher.inspection.checks.images.image_checks import check_contents, check_missing_images
from train_teacher.inspection.facts import Finding


def coco(folder: Path, *images: Mapping[str, Any]) -> CocoDataset:
    return read(folder, images=images, annotations=[])


def only(findings: Sequence[Finding], code: str) -> Finding:
    assert [f.code for f in findings] == [code]
    return findings[0]


def missing(dataset: CocoDataset, folder: Path | None, rows: Sequence[int]) -> list[Finding]:
    files = ImageFiles(folder, np.array(rows, np.int64), {}, checked=True)
    return check_missing_images(file_of(dataset, files))


def test_sound_images_give_no_finding(tmp_path: Path) -> None:
    dataset = coco(tmp_path, image(1), image(2, "sub/2.JPEG"), image(3, "3.x", width=40))

    assert check_contents(file_of(dataset, images_of(dataset))) == []
    assert check_missing_images(file_of(dataset, images_of(dataset))) == []


def test_missing_images_are_one_error_with_every_id(tmp_path: Path) -> None:
    dataset = coco(tmp_path, *(image(n) for n in range(5, 9)))

    some = only(missing(dataset, FOLDER, [1, 2]), "I1")
    none = only(missing(dataset, None, range(4)), "I1")

    assert some.severity == "error"
    assert some.ids == (6, 7)
    assert "2 of 4 (50 %) images are not in images" in some.message
    assert "none of the 4 images was found near" in none.message


def test_missing_images_that_are_there_under_a_like_name_are_told_with_both_names(
    tmp_path: Path,
) -> None:
    dataset = coco(tmp_path, *(image(n) for n in range(1, 4)))
    unnamed = ("0001.jpg", "0002.jpg", "0003.jpg")
    files = ImageFiles(FOLDER, np.arange(3), {}, checked=True, unnamed=unnamed)

    finding = only(check_missing_images(file_of(dataset, files)), "I1")

    assert "leading zeros than the file, such as 1.jpg for 0001.jpg" in finding.fix


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
def test_each_kind_of_damage_is_one_error(tmp_path: Path, damage: int, words: str) -> None:
    dataset = coco(tmp_path, image(1), image(2), image(3))

    finding = only(
        check_contents(file_of(dataset, images_of(dataset, damage=[0, damage, damage]))), "I2"
    )

    assert finding.severity == "error"
    assert finding.count == 2
    assert finding.ids == (2, 3)
    assert words in finding.message
    assert finding.examples[0].value == "1,000 bytes"


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
def test_unusual_pixels_are_told(tmp_path: Path, pixels: int, severity: str) -> None:
    dataset = coco(tmp_path, image(1), image(2))

    finding = only(check_contents(file_of(dataset, images_of(dataset, pixels=[0, pixels]))), "I5")

    assert (finding.severity, finding.ids) == (severity, (2,))


def test_gif_that_opencv_reads_is_no_more_than_told(tmp_path: Path) -> None:
    dataset = coco(tmp_path, image(1, "1.gif"))

    finding = only(check_contents(file_of(dataset, images_of(dataset, format=["GIF"]))), "I5")

    assert finding.severity == "info"


def test_what_only_decoding_shows_is_told(tmp_path: Path) -> None:
    dataset = coco(tmp_path, *(image(n) for n in range(1, 8)))
    decoded = DecodedFacts(
        looked=np.array([True] * 6 + [False]),
        readable=np.array([True] * 5 + [False, False]),
        hashes=np.zeros(7, np.uint64),
        brightness=np.array([100, 20, 240, 5, 100, 0, 0], np.float32),
        contrast=np.array([50, 9, 9, 0, 30, 0, 0], np.float32),
        sharpness=np.array([500, 100, 100, 0, 4, 0, 0], np.float32),
        thumbnails=np.zeros((7, 32, 32), np.uint8),
    )

    findings = check_contents(file_of(dataset, images_of(dataset, decoded=decoded)))

    assert [(f.code, f.severity, f.ids) for f in findings] == [
        ("I2", "error", (6,)),
        ("I12", "info", (4,)),
        ("I12", "info", (2,)),
        ("I12", "info", (3,)),
        ("I12", "info", (5,)),
    ]


def test_images_that_the_file_holds_itself_are_to_be_written_out(tmp_path: Path) -> None:
    dataset = read(tmp_path, images=[image(1, "data:image/png;base64,AAAA")], annotations=[])
    files = ImageFiles(None, np.arange(1), {}, checked=True)

    (finding,) = check_missing_images(file_of(dataset, files))

    assert "base64" in finding.fix
    assert "--images" not in finding.fix
