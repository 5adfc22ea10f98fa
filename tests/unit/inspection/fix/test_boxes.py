from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from coco_factory import annotation, clean_annotations, image
from inspected_data import NOT_LOOKED_AT
from train_teacher.coco.dataset import CocoDataset, image_sizes
from train_teacher.inspection.fix.boxes import PlacedBoxes, place_boxes
from train_teacher.inspection.fix.records import RepairInput

DatasetOf = Callable[..., CocoDataset]


def placed(dataset: CocoDataset) -> PlacedBoxes:
    return place_boxes(RepairInput(dataset, NOT_LOOKED_AT, image_sizes(dataset)))


def spread() -> list[dict[str, Any]]:
    """Return boxes of which every second lies where only COCO's reading fits."""
    records = clean_annotations()
    return [
        {**record, "bbox": [40, 30, *record["bbox"][2:]] if n % 2 else record["bbox"]}
        for n, record in enumerate(records)
    ]


def shares() -> list[dict[str, Any]]:
    """Return these boxes as shares of the image size."""
    return [
        {**record, "area": 0.1, "bbox": (np.array(record["bbox"]) / [64, 48, 64, 48]).tolist()}
        for record in spread()
    ]


def test_boxes_in_order_are_as_they_are_written(dataset_of: DatasetOf) -> None:
    dataset = dataset_of()
    result = placed(dataset)

    assert not result.new.any()
    assert not result.converted
    np.testing.assert_array_equal(result.boxes, dataset.annotations.bbox)


def test_shares_become_pixels_of_their_image(dataset_of: DatasetOf) -> None:
    result = placed(dataset_of(annotations=shares()))

    assert list(result.converted) == ["B3"]
    expected = [record["bbox"] for record in spread()]
    np.testing.assert_allclose(result.boxes, expected, atol=1e-3)


def test_shares_in_an_image_of_unknown_size_are_left_and_all_others_with_them(
    dataset_of: DatasetOf,
) -> None:
    images = [image(n, width=None if n == 5 else 64) for n in range(1, 13)]
    result = placed(dataset_of(images=images, annotations=shares()))

    assert result.left.all()
    assert not result.new.any()


def test_a_box_taken_from_its_mask_is_new_and_no_conversion(dataset_of: DatasetOf) -> None:
    boxes = [*clean_annotations(), annotation(90, bbox=..., segmentation=[[4, 5, 24, 5, 24, 15]])]
    result = placed(dataset_of(annotations=boxes))

    assert result.derived.nonzero()[0].tolist() == [len(boxes) - 1]
    assert result.boxes[-1].tolist() == [4, 5, 20, 10]
    assert not result.converted


@pytest.mark.parametrize("value", [float("inf"), 1e300])
def test_an_impossible_number_moves_no_other_box(dataset_of: DatasetOf, value: float) -> None:
    boxes = [*clean_annotations(), annotation(90, bbox=[4, 5, value, 10])]
    dataset = dataset_of(annotations=boxes)

    np.testing.assert_array_equal(placed(dataset).boxes[:-1], dataset.annotations.bbox[:-1])
