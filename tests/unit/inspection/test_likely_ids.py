"""An id is guessed only where the rest of the file leaves one possibility."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from coco_factory import annotation, image, make_coco
from inspected_data import read
from train_teacher.coco.dataset import CocoDataset
from train_teacher.coco.reader import read_coco
from train_teacher.inspection.likely_ids import (
    category_step,
    free_image_ids,
    image_step,
    meant_image_rows,
    moved_category_rows,
    with_image_ids,
)


def numbered(
    folder: Path,
    ids: Sequence[object],
    pointed_to: Sequence[object],
    files: Sequence[str] = "abcdef",
) -> CocoDataset:
    """Return a file with images of these ids, and annotations that point to some."""
    return read_coco(
        make_coco(
            folder,
            images=[image(id_, f"{name}.jpg") for id_, name in zip(ids, files, strict=False)],
            annotations=[annotation(n + 1, id_) for n, id_ in enumerate(pointed_to)],
            write_images=False,
        )
    )


def test_the_second_of_two_images_gets_the_id_that_is_missing_behind_it(tmp_path: Path) -> None:
    dataset = numbered(tmp_path, [1, 2, 2, 4], [1, 2, 3, 4])
    meant = free_image_ids(dataset)
    assert meant == {2: 3}
    mended = with_image_ids(dataset, meant)
    assert [i.id for i in mended.images] == [1, 2, 3, 4]
    assert mended.annotations.image_row.tolist() == [0, 1, 2, 3]


def test_the_first_of_two_images_gets_the_id_that_is_missing_before_it(tmp_path: Path) -> None:
    assert free_image_ids(numbered(tmp_path, [1, 3, 3, 4], [1, 2, 3, 4])) == {1: 2}


@pytest.mark.parametrize(
    ("ids", "pointed_to"),
    [
        ([1, 2, 3], [1, 2, 3]),
        ([1, 2, 2, 4], [1, 2, 4]),
        ([1, 2, 2, 5], [1, 2, 3, 5]),
        ([1, 2, 2, 2, 5], [1, 2, 3, 4, 5]),
        (["a", "b", "b"], ["a", "b", "c"]),
        ([1, 2, 2, 4, 4], [1, 2, 3, 4]),
    ],
    ids=["none twice", "none free", "a gap", "three alike", "text", "one pair untold"],
)
def test_nothing_is_guessed(tmp_path: Path, ids: list[object], pointed_to: list[object]) -> None:
    assert free_image_ids(numbered(tmp_path, ids, pointed_to)) == {}


def test_one_image_listed_twice_keeps_its_id(tmp_path: Path) -> None:
    assert free_image_ids(numbered(tmp_path, [1, 2, 2, 4], [1, 2, 3, 4], files="abbd")) == {}


@pytest.mark.parametrize(
    ("used", "step", "rows"),
    [([0, 1], 1, [0, 1]), ([2, 3], -1, [0, 1]), ([1, 2], 0, None), ([0, 2], 0, None)],
)
def test_categories_counted_from_the_wrong_end_are_moved_together(
    tmp_path: Path, used: list[int], step: int, rows: list[int] | None
) -> None:
    path = make_coco(
        tmp_path,
        annotations=[annotation(n + 1, 1, id_) for n, id_ in enumerate(used)],
        write_images=False,
    )
    dataset = read_coco(path)
    moved = moved_category_rows(dataset)
    assert category_step(dataset) == step
    assert (moved if moved is None else moved.tolist()) == rows


@pytest.mark.parametrize(
    ("ids", "pointed_to", "step"),
    [
        ([1, 2, 3, 4], [0, 1, 2, 3], 1),
        ([0, 1, 2, 3], [1, 2, 3, 4], -1),
        ([1001, 1002, 1004, 1008], [1, 2, 4, 8], 1000),
        ([3, 5, 9, 20, 30], [2, 4, 8, 19, 29], 1),
        ([1, 2, 3, 4], [1, 2, 3, 4], 0),
        ([1, 2, 3, 4], [1, 2, 3, 9], 0),
        ([1, 2, 3, 4], [0, 0, 0, 0], 0),
        ([1, 2, 4, 8], [0, 1, 2, 3], 0),
        ([10, 20, 30, 40], [1, 2, 3, 4], 0),
        ([1, 2, 3, 4], [-1, -2, -3, -4], 0),
    ],
)
def test_image_ids_are_moved_only_by_what_brings_all_of_them_into_the_list(
    tmp_path: Path, ids: list[object], pointed_to: list[object], step: int
) -> None:
    dataset = numbered(tmp_path, ids, pointed_to)

    assert image_step(dataset) == step
    if step:
        rows = meant_image_rows(dataset)
        assert rows is not None
        assert rows.tolist() == list(range(len(pointed_to)))


@pytest.mark.parametrize(
    ("pointed_to", "rows"),
    [
        (["a.jpg", "c.jpg"], [0, 2]),
        (["photos/a.jpg", "c.jpg"], [0, 2]),
        (["a", "c"], [0, 2]),
        (["A.JPG", "C.PNG"], [0, 2]),
        (["a.jpg", "x.jpg"], None),
        (["a.jpg", 2], None),
    ],
)
def test_image_ids_that_are_file_names_find_their_images_or_none_does(
    tmp_path: Path, pointed_to: list[object], rows: list[int] | None
) -> None:
    meant = meant_image_rows(numbered(tmp_path, [1, 2, 3], pointed_to))

    assert (None if meant is None else meant.tolist()) == rows


def test_a_file_name_of_two_folders_names_no_image(tmp_path: Path) -> None:
    images = [image(1, "x/a.jpg"), image(2, "y/a.jpg")]
    path = make_coco(
        tmp_path, images=images, annotations=[annotation(1, "a.jpg")], write_images=False
    )

    assert meant_image_rows(read_coco(path)) is None


def test_category_ids_that_are_class_names_find_their_classes(tmp_path: Path) -> None:
    named = [annotation(1, 1, "cat"), annotation(2, 1, " red car")]
    dataset = read_coco(make_coco(tmp_path, annotations=named, write_images=False))

    rows = moved_category_rows(dataset)

    assert rows is not None
    assert rows.tolist() == [0, 1]


def test_ids_of_records_that_could_not_be_read_are_no_sign_of_a_shift(tmp_path: Path) -> None:
    annotations = [annotation(n, n + 1, 2) for n in range(1, 4)]
    dataset = read(
        tmp_path,
        images=[image(1), image(2), image(3), {"id": 4}],
        annotations=annotations,
        categories=[{"id": 0, "name": "a"}, {"id": 1, "name": "b"}, {"id": 2}],
    )
    assert (image_step(dataset), category_step(dataset)) == (0, 0)
    twice = read(
        tmp_path,
        images=[image(1), image(2, "a.jpg"), image(2, "b.jpg"), {"id": 3}],
        annotations=[annotation(1, 3)],
    )
    assert free_image_ids(twice) == {}


def test_class_names_in_place_of_ids_may_have_other_capitals_and_underscores(
    tmp_path: Path,
) -> None:
    named = [annotation(1, 1, "Cat"), annotation(2, 1, "red_car")]
    rows = moved_category_rows(
        read_coco(make_coco(tmp_path, annotations=named, write_images=False))
    )

    assert rows is not None
    assert rows.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("pointed_to", "lost"),
    [
        ([*range(40), 999], [40]),
        ([*(f"p{n}.jpg" for n in range(1, 41)), "lost.jpg"], [40]),
    ],
)
def test_a_few_ids_that_are_lost_anyway_do_not_hide_what_the_others_mean(
    tmp_path: Path, pointed_to: list[object], lost: list[int]
) -> None:
    ids = range(1, 41)
    dataset = numbered(tmp_path, ids, pointed_to, [f"p{n}" for n in ids])
    rows = meant_image_rows(dataset)

    assert rows is not None
    assert np.flatnonzero(rows < 0).tolist() == lost
