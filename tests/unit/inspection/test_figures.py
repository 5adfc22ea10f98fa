from __future__ import annotations

from collections.abc import Callable

import numpy as np

from coco_factory import annotation, category, image
from train_teacher.coco.dataset import CocoDataset, image_sizes
from train_teacher.coco.mmdet_loader import trained_rows
from train_teacher.inspection.figures import dropped_by_class, mask_info, size_info

DatasetOf = Callable[..., CocoDataset]
RECTANGLE = [[4, 5, 24, 5, 24, 15, 4, 15]]


def test_masks_are_counted_by_kind(dataset_of: DatasetOf) -> None:
    masks = [RECTANGLE, [[0, 0, 9, 0, 9, 9]], {"size": [48, 64], "counts": [64 * 48]}, ...]
    data = dataset_of(annotations=[annotation(n, segmentation=m) for n, m in enumerate(masks)])
    told = mask_info([data])

    assert told is not None
    assert (told.polygons, told.run_lengths, told.rectangles) == (2, 1, 1)
    assert told.points_mean == 3.5


def test_a_file_without_masks_has_no_figures_of_them(dataset_of: DatasetOf) -> None:
    assert mask_info([dataset_of()]) is None


def test_what_is_left_out_is_counted_by_reason_and_class(dataset_of: DatasetOf) -> None:
    data = dataset_of(
        categories=[category(1, "cat"), category(2, "dog")],
        annotations=[
            annotation(1),
            annotation(2, category_id=2, iscrowd=1),
            annotation(3, category_id=2, bbox=[900, 900, 5, 5]),
        ],
    )
    told = dropped_by_class(data, trained_rows(data, [0, 1]))

    assert told["crowd"] == {"dog": 1}
    assert told["outside_image"] == {"dog": 1}


def test_sizes_are_those_of_the_images_and_of_the_boxes_that_are_trained(
    dataset_of: DatasetOf,
) -> None:
    data = dataset_of(
        images=[image(1), image(2, width=640, height=480), image(3, width=None)],
        annotations=[
            annotation(1, bbox=[0, 0, 10, 10]),
            annotation(2, bbox=[0, 0, 20, 20]),
            annotation(3, 2, bbox=[0, 0, 40, 40]),
            annotation(4, 2, bbox=[0, 0, 300, 300], iscrowd=1),
        ],
    )
    told = size_info(data, image_sizes(data), trained_rows(data, [0, 1]))

    assert (told.width_max, told.height_max, told.short_side_min) == (640, 480, 48)
    assert (told.boxes_per_image_max, told.boxes_per_image_median) == (2, 1)
    assert told.box_side_median == 20


def test_a_file_of_unknown_sizes_has_figures_of_nothing(dataset_of: DatasetOf) -> None:
    data = dataset_of(images=[image(1, width=None)], annotations=[])
    told = size_info(data, np.full((1, 2), np.nan), trained_rows(data, [0, 1]))

    assert (told.width_median, told.box_side_median) == (0, 0)
