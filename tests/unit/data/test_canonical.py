"""Canonical copies in place of the user's files: names, ids, boxes and images as they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from coco_factory import annotation, category, image
from inspected_data import images_of, read
from train_teacher.core.errors import UserError
from train_teacher.data.canonical import canonical_split, category_targets

NAMES = ("cat", "red car")


def split_of(folder: Path, rows: list[int], **sections: Any) -> dict[str, Any]:
    dataset = read(folder, **sections)
    targets = category_targets(dataset, NAMES)
    return canonical_split(dataset, np.array(rows), NAMES, targets, images_of(dataset))


def test_classes_are_found_by_name_whatever_their_order_case_and_spaces(tmp_path: Path) -> None:
    categories = [category(7, "Red  car"), category(3, " cat")]
    records = [annotation(1, 1, 7), annotation(2, 1, 3)]
    copy = split_of(tmp_path, [0], categories=categories, annotations=records)
    assert copy["categories"] == [{"id": 1, "name": "cat"}, {"id": 2, "name": "red car"}]
    assert [a["category_id"] for a in copy["annotations"]] == [2, 1]


def test_a_class_with_objects_that_training_lacks_is_refused_and_an_unused_one_is_not(
    tmp_path: Path,
) -> None:
    categories = [category(1, "cat"), category(2, "zebra")]
    with pytest.raises(UserError, match=r"N13 has the classes 'zebra'.*only missed"):
        category_targets(read(tmp_path, categories=categories), NAMES)
    unused = read(tmp_path, categories=categories, annotations=[annotation(1, 1, 1)])
    assert category_targets(unused, NAMES).tolist() == [0, -1]


def test_images_are_numbered_in_the_order_asked_for_and_boxes_follow_them(tmp_path: Path) -> None:
    images = [image(id_, f"{id_}.jpg") for id_ in (50, 60, 70)]
    records = [annotation(n, id_, bbox=[id_ - 50, 5, 9, 9]) for n, id_ in enumerate((50, 60, 70))]
    copy = split_of(tmp_path, [2, 0], images=images, annotations=records)
    assert [(i["id"], i["original_id"]) for i in copy["images"]] == [(1, 70), (2, 50)]
    assert {a["image_id"]: a["bbox"][0] for a in copy["annotations"]} == {1: 20, 2: 0}


def test_an_area_of_nothing_is_filled_in_and_crowds_and_ignored_objects_stay_so(
    tmp_path: Path,
) -> None:
    records = [
        annotation(1, area=0, iscrowd=...),
        annotation(2, area=77, iscrowd=1),
        annotation(3, bbox=[1, 1, 9, 9], ignore=1),
    ]
    plain, crowd, ignored = split_of(tmp_path, [0], annotations=records)["annotations"]
    assert (plain["area"], plain["iscrowd"]) == (200, 0)
    assert (crowd["area"], crowd["iscrowd"]) == (77, 1)
    assert "ignore" not in plain
    assert ignored["ignore"] == 1


def test_an_annotation_keeps_the_id_that_it_has_in_the_users_file(tmp_path: Path) -> None:
    copy = split_of(tmp_path, [0], annotations=[annotation(70), annotation("a7")])
    assert [(a["id"], a["original_id"]) for a in copy["annotations"]] == [(1, 70), (2, "a7")]
