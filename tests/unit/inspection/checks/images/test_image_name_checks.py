from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from coco_factory import image
from inspected_data import FOLDER, data_of, file_of, images_of, read
from train_teacher.coco.dataset import CocoDataset
from train_teacher.inspection.checks.images.image_checks import check_contents
from train_teacher.inspection.checks.images.image_name_checks import check_unnamed_images
from train_teacher.inspection.facts import Finding


def coco(folder: Path, *images: Mapping[str, Any]) -> CocoDataset:
    return read(folder, images=images, annotations=[])


def only(findings: Sequence[Finding], code: str) -> Finding:
    assert [f.code for f in findings] == [code]
    return findings[0]


def test_an_ending_that_is_not_the_content_is_told(tmp_path: Path) -> None:
    dataset = coco(tmp_path, image(1), image(2), image(3, "3.data"))

    finding = only(
        check_contents(file_of(dataset, images_of(dataset, format=["JPEG", "PNG", "PNG"]))), "I6"
    )

    assert (finding.severity, finding.ids) == ("info", (2,))
    assert finding.examples[0].value == "is PNG"


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
        ("1.jpg?v=3", "1.jpg", "a query"),
        ("A.jpg", "a.JPG", "upper and lower case"),
        ("images/1.jpg", "1.jpg", "another folder"),
    ],
)
def test_names_that_needed_good_will_are_told_by_kind(
    tmp_path: Path, written: str, found: str, words: str
) -> None:
    dataset = coco(tmp_path, image(1, "0.jpg"), image(2, written))

    finding = only(check_contents(file_of(dataset, images_of(dataset, renamed={1: found}))), "I9")

    assert (finding.severity, finding.ids) == ("warning", (2,))
    assert words in finding.message
    assert "train-teacher repairs it" in finding.fix
    assert finding.examples[0].value == f"found as {found}"


@pytest.mark.parametrize(
    ("written", "found", "words"),
    [
        ("1.jpg", "a/b/1.jpg", "sub-folder"),
        ("1.jpg\r", "1.jpg", "line break"),
        ("R&amp;D 1.jpg", "R&D 1.jpg", "HTML"),
        ("my+photo.jpg", "my photo.jpg", "where the other has a space"),
        ("©1.jpg", "Â©1.jpg", "code page"),
        ("1.png", "1.jpg", "another extension"),
    ],
)
def test_names_that_became_others_on_the_way_and_were_found_are_information(
    tmp_path: Path, written: str, found: str, words: str
) -> None:
    dataset = coco(tmp_path, image(1, "0.jpg"), image(2, written))

    finding = only(check_contents(file_of(dataset, images_of(dataset, renamed={1: found}))), "I9")

    assert (finding.severity, finding.ids) == ("info", (2,))
    assert words in finding.message
    assert finding.examples[0].value == f"found as {found}"


def test_a_dot_before_a_name_that_every_tool_follows_is_no_finding(tmp_path: Path) -> None:
    dataset = coco(tmp_path, image(1, "0.jpg"), image(2, "./1.jpg"))

    assert check_contents(file_of(dataset, images_of(dataset, renamed={1: "1.jpg"}))) == []


def test_full_paths_that_exist_are_told_and_odd_but_true_names_are_not(tmp_path: Path) -> None:
    names = ("/data/1.jpg", "100%20.jpg", "12:30.jpg", "a..b.jpg")
    dataset = coco(tmp_path, *(image(n, name) for n, name in enumerate(names, 1)))

    finding = only(check_contents(file_of(dataset, images_of(dataset))), "I9")

    assert finding.ids == (1,)
    assert "moved" in finding.consequence


def test_images_that_no_split_names_are_counted_once(tmp_path: Path) -> None:
    train, val = coco(tmp_path, image(1)), coco(tmp_path, image(2))
    both = data_of(
        file_of(train, images_of(train, unnamed=("2.jpg", "3.jpg"))),
        file_of(val, images_of(val, unnamed=("1.jpg", "3.jpg")), name="val", train=train),
    )

    finding = only(check_unnamed_images(both), "I10")

    assert (finding.severity, finding.count) == ("info", 1)
    assert finding.examples[0].file == str(FOLDER / "3.jpg")
    assert check_unnamed_images(data_of(file_of(train, images_of(train)))) == []
