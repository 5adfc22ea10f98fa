from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask as coco_mask

from train_teacher.coco.masks.columns import (
    MASK_BROKEN,
    MASK_FLAT,
    MASK_NESTED,
    MASK_NO_EXTENT,
    MASK_NONE,
    MASK_POLYGON,
    MASK_RECTANGLE,
    MASK_RLE,
)
from train_teacher.coco.masks.measures import RunLengths, measure_masks, read_untyped
from train_teacher.coco.masks.run_lengths import packed_run_totals

TRIANGLE = (10.0, 20.0, 30.0, 20.0, 30.0, 40.0)
SQUARE = (1.0, 2.0, 11.0, 2.0, 11.0, 12.0, 1.0, 12.0)


def test_polygons_are_measured_one_annotation_at_a_time() -> None:
    measured = measure_masks([[TRIANGLE], None, [TRIANGLE, SQUARE], []])

    assert measured.kind.tolist() == [MASK_POLYGON, MASK_NONE, MASK_POLYGON, MASK_NONE]
    assert measured.polygons.tolist() == [1, 0, 2, 0]
    assert measured.points.tolist() == [3, 0, 7, 0]
    assert measured.area[[0, 2]].tolist() == [200, 300]
    assert measured.bounds[0].tolist() == [10, 20, 20, 20]
    assert measured.bounds[2].tolist() == [1, 2, 29, 38]
    assert np.isnan(measured.bounds[[1, 3]]).all()
    assert not measured.flags.any()


@pytest.mark.parametrize(
    ("segmentation", "kind", "flags"),
    [
        (None, MASK_NONE, 0),
        ([], MASK_NONE, 0),
        ([list(TRIANGLE)], MASK_POLYGON, 0),
        (list(TRIANGLE), MASK_POLYGON, MASK_FLAT),
        ([[[10, 20], [30, 20], [30, 40]]], MASK_POLYGON, MASK_NESTED),
        ([[]], MASK_NONE, MASK_BROKEN),
        ([[1, 2, 3, 4]], MASK_POLYGON, MASK_BROKEN),
        ([[1, 2, 3, 4, 5, 6, 7]], MASK_POLYGON, MASK_BROKEN),
        ([["a"]], MASK_POLYGON, MASK_BROKEN),
        ("text", MASK_POLYGON, MASK_BROKEN),
        ([list(SQUARE)], MASK_POLYGON, MASK_RECTANGLE),
        ([[1, 1, 5, 1, 9, 1]], MASK_POLYGON, MASK_NO_EXTENT),
        ({"size": [4, 5], "counts": [8, 12]}, MASK_RLE, 0),
        ({"size": [4, 5], "counts": [8, 11]}, MASK_RLE, MASK_BROKEN),
        ({"size": [4], "counts": [8, 12]}, MASK_RLE, MASK_BROKEN),
        ({"size": [4, 5], "counts": "not a mask"}, MASK_RLE, MASK_BROKEN),
    ],
)
def test_any_value_has_a_kind_and_flags(segmentation: object, kind: int, flags: int) -> None:
    mask, bent = read_untyped(segmentation)
    measured = measure_masks([None, mask], [0, bent])

    assert (measured.kind[1], measured.flags[1]) == (kind, flags)


@given(
    st.lists(
        st.tuples(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32 - 1)), max_size=8
    )
)
def test_compressed_run_lengths_count_as_pycocotools_writes_them(
    shapes: list[tuple[int, int, int]],
) -> None:
    texts = []
    for height, width, seed in shapes:
        chance = np.random.default_rng(seed)
        pixels = (chance.random((height, width)) < chance.random()).astype(np.uint8)
        texts.append(coco_mask.encode(np.asfortranarray(pixels))["counts"])

    assert packed_run_totals(texts).tolist() == [h * w for h, w, _ in shapes]
    cut = [text[:-1] for text in texts]
    assert all(packed_run_totals(cut) != [h * w for h, w, _ in shapes]) or not texts


def test_a_compressed_mask_is_sound_and_has_its_size() -> None:
    counts = coco_mask.encode(np.asfortranarray(np.eye(6, 9, dtype=np.uint8)))["counts"].decode()
    measured = measure_masks([RunLengths((6, 9), counts)])

    assert measured.flags.tolist() == [0]
    assert measured.rle_size.tolist() == [[6, 9]]
