from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from coco_factory import image
from inspected_data import file_of, images_of, read
from train_teacher.coco.dataset import CocoDataset
from train_teacher.inspection.checks.images.image_checks import check_contents
from train_teacher.inspection.checks.images.image_size_checks import turned_photos
from train_teacher.inspection.facts import Finding


def coco(folder: Path, *images: Mapping[str, Any]) -> CocoDataset:
    return read(folder, images=images, annotations=[])


def only(findings: Sequence[Finding], code: str) -> Finding:
    assert [f.code for f in findings] == [code]
    return findings[0]


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
    tmp_path: Path, size: tuple[int, int], severity: str, words: str
) -> None:
    dataset = coco(tmp_path, image(1), image(2))

    finding = only(
        check_contents(file_of(dataset, images_of(dataset, size=[(64, 48), size]))), "I3"
    )

    assert finding.severity == severity
    assert words in finding.message
    assert finding.examples[0].file == "2.jpg"
    assert finding.examples[0].value == f"JSON 64 x 48, file {size[0]} x {size[1]}"


def test_a_photo_labelled_as_it_is_displayed_is_fine(tmp_path: Path) -> None:
    dataset = coco(tmp_path, image(1, width=48, height=64))

    assert (
        check_contents(file_of(dataset, images_of(dataset, size=[(64, 48)], orientation=[6]))) == []
    )


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
    tmp_path: Path, size: tuple[int, int], orientation: int, severity: str
) -> None:
    dataset = coco(tmp_path, image(1, width=size[0], height=size[1]))

    finding = only(
        check_contents(
            file_of(dataset, images_of(dataset, orientation=[orientation], size=[size]))
        ),
        "I4",
    )

    assert finding.severity == severity
    assert finding.examples[0].value == f"EXIF orientation {orientation}"


def test_photos_labelled_both_ways_cannot_be_read_right(tmp_path: Path) -> None:
    dataset = coco(tmp_path, image(1, width=64, height=48), image(2, width=48, height=64))
    files = images_of(dataset, orientation=[6, 6], size=[(64, 48), (64, 48)])

    assert only(check_contents(file_of(dataset, files)), "I4").severity == "error"
    assert files.facts is not None
    assert turned_photos(dataset, files.facts) == (1, 1)


def test_sizes_are_not_judged_where_one_is_unknown(tmp_path: Path) -> None:
    dataset = coco(tmp_path, image(1, width=None), image(2), image(3))
    files = images_of(
        dataset, size=[(64, 48), (0, 0), (9, 9)], exists=[True, True, False], damage=[0, 0, 0]
    )
    files.facts.size[2] = 0  # type: ignore[union-attr]

    assert check_contents(file_of(dataset, files)) == []


def test_images_too_small_to_be_trained_are_told_even_without_files(tmp_path: Path) -> None:
    dataset = coco(tmp_path, image(1, width=31), image(2, width=32, height=32))

    finding = only(check_contents(file_of(dataset)), "I7")

    assert (finding.severity, finding.ids) == ("warning", (1,))


@pytest.mark.parametrize(("count", "severity"), [(50, "warning"), (200, "info")])
@pytest.mark.parametrize(("size", "words"), [((4001, 3000), "4000"), ((601, 120), "5 times")])
def test_extreme_images_are_a_warning_only_when_they_are_many(
    tmp_path: Path, size: tuple[int, int], words: str, count: int, severity: str
) -> None:
    images = [image(n) for n in range(1, count)]
    dataset = coco(tmp_path, *images, image(count, width=size[0], height=size[1]))

    finding = only(check_contents(file_of(dataset, images_of(dataset))), "I8")

    assert (finding.severity, finding.ids) == (severity, (count,))
    assert words in finding.message
