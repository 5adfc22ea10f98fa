"""Overlaps of boxes, against COCO's own."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask

from train_teacher.coco.box_overlap import overlap_ratio

BOXES = st.tuples(*[st.integers(0, 30)] * 2, *[st.integers(1, 30)] * 2)


@given(BOXES, BOXES)
def test_the_ratio_is_cocos_whichever_box_comes_first(
    one: tuple[int, ...], other: tuple[int, ...]
) -> None:
    first, second = np.array([one], np.float64), np.array([other], np.float64)
    expected = mask.iou(first, second, [0])[0, 0]
    assert overlap_ratio(first, second)[0] == pytest.approx(expected)
    assert overlap_ratio(second, first)[0] == pytest.approx(expected)


def test_boxes_without_an_extent_or_without_end_overlap_nothing() -> None:
    odd = np.array([[5, 5, 0, 0], [np.nan] * 4, [0, 0, np.inf, 1]])
    assert overlap_ratio(odd, odd).tolist() == [0, 0, 0]
