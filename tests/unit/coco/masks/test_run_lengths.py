from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask as mask_api

from train_teacher.coco.masks.run_lengths import packed_run_totals, run_length_box

MASKS = st.tuples(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32 - 1)).map(
    lambda drawn: np.asfortranarray(
        np.random.default_rng(drawn[2]).random(drawn[:2]) < 0.3, dtype=np.uint8
    )
)


@given(st.lists(MASKS, min_size=1, max_size=5))
def test_compressed_runs_stand_for_as_many_pixels_as_their_image_has(masks: list[Any]) -> None:
    texts = [mask_api.encode(mask)["counts"] for mask in masks]

    assert packed_run_totals(texts).tolist() == [mask.size for mask in masks]


@given(MASKS)
def test_the_box_is_that_of_pycocotools(mask: Any) -> None:
    packed = mask_api.encode(mask)
    box = run_length_box(list(mask.shape), packed["counts"].decode())

    # Of an empty mask each version of pycocotools tells another box.
    assert box is None if not mask.any() else list(box or ()) == mask_api.toBbox(packed).tolist()


@pytest.mark.parametrize("text", [b"", b"\x1f", b"~", b"o", b"oooooooooooooooo0"])
def test_a_broken_text_stands_for_nothing_and_spoils_no_other(text: bytes) -> None:
    whole = mask_api.encode(np.ones((3, 4), np.uint8, order="F"))["counts"]

    assert packed_run_totals([whole, text, whole]).tolist() == [12, -1, 12]


@pytest.mark.parametrize(
    ("size", "counts"),
    [
        ([2, 3], [6]),
        ([2, 3], [1, 1]),
        ([2, 3], [-1, 7]),
        ([2, 3], []),
        ([2, 3], [1.0, 5]),
        ([0, 3], [0]),
        ([2], [2]),
        ("2", [2]),
        ([2, 3], None),
    ],
)
def test_runs_that_are_empty_or_do_not_fill_their_image_have_no_box(size: Any, counts: Any) -> None:
    assert run_length_box(size, counts) is None


def test_plain_runs_go_down_the_columns() -> None:
    assert run_length_box([4, 6], [5, 2, 17]) == (1, 1, 1, 2)
    assert run_length_box([4, 6], [3, 3, 18]) == (0, 0, 2, 4), "a run that goes on in the next"
