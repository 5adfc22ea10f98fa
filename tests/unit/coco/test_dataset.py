from __future__ import annotations

import math
from collections.abc import Callable

import msgspec
import numpy as np
import pytest

from coco_factory import annotation, category, image
from train_teacher.coco.dataset import (
    CocoDataset,
    RecordProblem,
    boxes_with_derived,
    image_sizes,
    plain_id,
    plain_record,
    plain_value,
    raw_annotation,
    sizes_of_annotations,
    used_categories,
)

DatasetOf = Callable[..., CocoDataset]
TRIANGLE = [[10, 10, 30, 10, 30, 25]]


@pytest.mark.parametrize(
    ("path", "member"),
    [
        ("annotations[59].bbox[0]", "bbox"),
        ("annotations[59].area", "area"),
        ("annotations[59]", ""),
        ("annotations[59].segmentation[0][1]", "segmentation"),
    ],
)
def test_a_problem_names_the_member_of_its_record(path: str, member: str) -> None:
    assert RecordProblem("annotations", 59, path, "", "", "lost").member == member


def test_a_lost_record_is_not_repairable() -> None:
    kept = [RecordProblem("images", 0, "", "", "", o).repairable for o in ("converted", "ignored")]

    assert kept == [True, True]
    assert not RecordProblem("images", 0, "", "", "", "lost").repairable


def test_sizes_read_from_files_fill_only_the_gaps(dataset_of: DatasetOf) -> None:
    images = [image(1), image(2, width=None), image(3, width=0, height=0)]
    data = dataset_of(images=images, annotations=[annotation(1)])

    read = image_sizes(data, {0: (1, 1), 1: (640, 480)})

    np.testing.assert_equal(read, [[64, 48], [640, 480], [math.nan, math.nan]])


def test_an_annotation_of_no_image_has_no_size(dataset_of: DatasetOf) -> None:
    data = dataset_of(images=[image(1)], annotations=[annotation(1), annotation(2, image_id=9)])
    sizes = image_sizes(data)

    np.testing.assert_equal(sizes_of_annotations(data, sizes), [[64, 48], [math.nan, math.nan]])
    np.testing.assert_equal(sizes_of_annotations(data, sizes, np.array([0])), [[64, 48]])


def test_a_missing_box_is_taken_from_the_mask(dataset_of: DatasetOf) -> None:
    data = dataset_of(
        images=[image(1)],
        annotations=[
            annotation(1),
            annotation(2, bbox=..., segmentation=TRIANGLE),
            annotation(3, bbox=...),
        ],
    )
    boxes, derived = boxes_with_derived(data)

    np.testing.assert_equal(boxes, [[4, 5, 20, 10], [10, 10, 20, 15], [math.nan] * 4])
    assert derived.tolist() == [False, True, False]
    assert np.isnan(data.annotations.bbox[1]).all(), "the columns are left as they were read"


def test_run_lengths_for_an_image_of_another_size_tell_no_box(dataset_of: DatasetOf) -> None:
    mask = {"size": [4, 6], "counts": [5, 2, 17]}
    annotations = [annotation(1, bbox=..., segmentation=mask)]
    own = dataset_of(images=[image(1, width=6, height=4)], annotations=annotations)
    other = dataset_of(images=[image(1, width=4, height=6)], annotations=annotations)

    assert boxes_with_derived(own)[0].tolist() == [[1, 1, 1, 2]]
    assert not boxes_with_derived(other)[1].any()


def test_only_classes_with_an_annotation_are_used(dataset_of: DatasetOf) -> None:
    data = dataset_of(
        categories=[category(1, "cat"), category(2, "dog"), category(3, "owl")],
        annotations=[annotation(1, category_id=3), annotation(2, category_id=9)],
    )

    assert used_categories(data) == {2}


def test_ids_are_given_as_the_json_has_them() -> None:
    assert plain_id(np.int64(7)) == 7
    assert type(plain_id(np.int64(7))) is int
    assert plain_id("07") == "07"
    assert plain_id(None) is None


def test_numbers_that_json_does_not_hold_are_decoded_as_others_do() -> None:
    assert plain_value(msgspec.Raw(b"1e999")) == math.inf
    assert plain_value(msgspec.Raw(b"[")) is None
    assert plain_value({"a": 1}) == {"a": 1}
    assert plain_record(msgspec.Raw(b"7")) == {}


def test_an_annotation_is_found_by_its_row_not_by_its_place_in_the_file(
    dataset_of: DatasetOf,
) -> None:
    data = dataset_of(images=[image(1)], annotations=[annotation(1, image_id=[]), annotation(2)])

    assert raw_annotation(data, 0)["id"] == 2
