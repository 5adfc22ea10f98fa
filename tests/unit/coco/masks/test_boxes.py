from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask as coco_mask

from train_teacher.coco.masks.boxes import mask_box

SQUARE = [4, 5, 24, 5, 24, 15, 4, 15]


@given(st.integers(1, 12), st.integers(1, 12), st.floats(0, 1), st.integers(0, 2**32 - 1))
def test_the_box_around_run_lengths_is_the_box_around_their_pixels(
    height: int, width: int, share: float, seed: int
) -> None:
    chance = np.random.default_rng(seed)
    pixels = np.asfortranarray(chance.random((height, width)) < share, np.uint8)
    flat = pixels.ravel(order="F").tolist()
    counts, value = [0], 0
    for pixel in flat:
        if pixel != value:
            counts.append(0)
            value = pixel
        counts[-1] += 1
    rows, columns = np.nonzero(pixels)
    box = None
    if len(rows):
        left, top = columns.min(), rows.min()
        box = (left, top, columns.max() - left + 1, rows.max() - top + 1)

    assert mask_box({"size": [height, width], "counts": counts}) == box
    packed = coco_mask.encode(pixels)["counts"].decode()
    assert mask_box({"size": [height, width], "counts": packed}) == box


def test_a_run_into_the_next_column_spans_the_image() -> None:
    assert mask_box({"size": [10, 3], "counts": [8, 4, 18]}) == (0, 0, 2, 10)


@pytest.mark.parametrize(
    ("segmentation", "box"),
    [
        ([SQUARE], (4, 5, 20, 10)),
        (SQUARE, (4, 5, 20, 10)),
        ([[[4, 5], [24, 5], [24, 15]]], (4, 5, 20, 10)),
        ([SQUARE, [30, 5, 32, 5, 32, 9]], (4, 5, 28, 10)),
        ([SQUARE, [1, 1]], (4, 5, 20, 10)),
        ([[str(v) for v in SQUARE]], (4, 5, 20, 10)),
    ],
)
def test_the_box_around_polygons(segmentation: Any, box: tuple[float, ...]) -> None:
    assert mask_box(segmentation) == box


@pytest.mark.parametrize(
    "segmentation",
    [
        *(None, [], [[]], "x", 7, [[1, 2, 3, 4]], [[1, 2, 3, 4, 5, 6, 7]], [["a"] * 6], {}),
        *([[0, 0, 1e9, 0, 1e9, 1e9]], [[float("nan")] * 6]),
        *({"size": size, "counts": [5, 5]} for size in (None, 3, [10], [0, 5], ["x", 5], [-2, 5])),
        *({"size": [2, 5], "counts": [5, c]} for c in (4, -5, 2**70, None, "x", 0.5)),
        *({"size": [2, 5], "counts": c} for c in (None, [], "", "zz~~", "\udc80", [10], 10)),
        {"size": [2**40, 2**40], "counts": [2**62, 2**62]},
    ],
)
def test_what_tells_no_box_gives_none(segmentation: Any) -> None:
    assert mask_box(segmentation) is None
