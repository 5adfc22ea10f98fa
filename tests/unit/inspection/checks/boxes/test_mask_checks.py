from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from coco_factory import HEIGHT, WIDTH, annotation
from inspected_data import file_of
from train_teacher.coco.dataset import CocoDataset
from train_teacher.inspection.checks.boxes.mask_checks import check_masks

TRIANGLE = [4, 5, 24, 5, 24, 15]
SQUARE = [4, 5, 24, 5, 24, 15, 4, 15]


def codes(dataset_of: Callable[..., CocoDataset], *masks: Any, **changes: Any) -> list[str]:
    records = [annotation(n, segmentation=mask, **changes) for n, mask in enumerate(masks, 1)]
    return [f.code for f in check_masks(file_of(dataset_of(annotations=records)))]


@pytest.mark.parametrize(
    ("mask", "code"),
    [
        ([[1, 2, 3]], "M1"),
        ([[1, 2, 3, 4]], "M1"),
        (TRIANGLE, "M2"),
        ([[40, 30, 50, 30, 50, 40]], "M3"),
        ([TRIANGLE, [4, 5, 14, 5, 24, 5]], "M4"),
        ([[4, 5, 24, 15, 24, 5, 4, 15]], "M4"),
        ({"size": [WIDTH, HEIGHT], "counts": [WIDTH * HEIGHT]}, "M5"),
    ],
)
def test_a_mask_that_is_wrong_has_its_code(
    dataset_of: Callable[..., CocoDataset], mask: Any, code: str
) -> None:
    assert codes(dataset_of, mask, [TRIANGLE]) == [code]


@pytest.mark.parametrize(
    "mask", [[TRIANGLE], {"size": [HEIGHT, WIDTH], "counts": [WIDTH * HEIGHT]}, [], None]
)
def test_a_sound_mask_and_none_give_no_finding(
    dataset_of: Callable[..., CocoDataset], mask: Any
) -> None:
    assert codes(dataset_of, mask) == []


def test_a_polygon_as_a_crowd_is_m6(dataset_of: Callable[..., CocoDataset]) -> None:
    assert codes(dataset_of, [TRIANGLE], iscrowd=1) == ["M6"]


@pytest.mark.parametrize(("squares", "told"), [(20, ["M7"]), (18, []), (9, [])])
def test_polygons_that_are_nearly_all_boxes_are_m7_from_ten_on(
    dataset_of: Callable[..., CocoDataset], squares: int, told: list[str]
) -> None:
    others = 1 if squares > 9 else 0

    assert codes(dataset_of, *[[SQUARE]] * squares, *[[TRIANGLE]] * others) == told
