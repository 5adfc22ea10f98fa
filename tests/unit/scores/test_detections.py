"""Columns of detections keep what belongs together together."""

from __future__ import annotations

import numpy as np
import pytest

from train_teacher.scores.detections import GroundTruth, ImageDetections, joined, overlaps


def test_images_are_joined_under_their_ids() -> None:
    image = ImageDetections(
        10, 10, np.array([0, 1]), np.array([0.9, 0.6]), np.array([[0.0, 0, 5, 5], [1, 1, 4, 4]])
    )
    nothing = ImageDetections(10, 10, np.empty(0, np.int64), np.empty(0), np.empty((0, 4)))
    columns = joined([4, 5, 6], [image.rows(np.array([0])), nothing, image])
    assert columns.image_id.tolist() == [4, 6, 6]
    assert columns.score.tolist() == [0.9, 0.9, 0.6]
    assert columns.box.tolist() == [[0, 0, 5, 5], [0, 0, 5, 5], [1, 1, 4, 4]]
    assert joined([1], [nothing]).box.shape == (0, 4)


def test_overlap_is_the_shared_share_of_both_boxes_and_nothing_has_none() -> None:
    first = np.array([[0.0, 0, 10, 10], [3, 3, 3, 3]])
    second = np.array([[5.0, 0, 15, 10], [0, 0, 10, 10], [20, 20, 30, 30], [3, 3, 3, 3]])
    assert overlaps(first, second) == pytest.approx(np.array([[1 / 3, 1, 0, 0], [0, 0, 0, 0]]))


def test_images_are_found_whatever_the_order_of_their_ids() -> None:
    truth = GroundTruth(
        np.array([7, 2]),
        np.array([0, 1]),
        np.zeros((2, 4)),
        np.array([False, True]),
        np.array([7, 2, 5]),
    )
    assert truth.places(np.array([5, 7, 2, 2])).tolist() == [2, 0, 1, 1]
    assert truth.rows(truth.crowd).image_ids.tolist() == [7, 2, 5]
