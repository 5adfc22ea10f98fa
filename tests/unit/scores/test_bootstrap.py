"""A gain on a few images is distinguished from noise."""

from __future__ import annotations

import numpy as np
import pytest

from train_teacher.scores.bootstrap import (
    MOST_IMAGES,
    chance_of_gain,
    resampled_precision,
    resampled_scores,
)
from train_teacher.scores.detections import Detections, GroundTruth

BOX = (10.0, 10.0, 50.0, 50.0)
ELSEWHERE = (100.0, 100.0, 150.0, 150.0)


def truth(images: int) -> GroundTruth:
    """Return images with one object each, their ids out of order."""
    ids = np.arange(images, 0, -1)
    return GroundTruth(
        image_id=ids,
        label=np.zeros(images, np.int64),
        box=np.array([BOX] * images).reshape(-1, 4),
        crowd=np.zeros(images, np.bool_),
        image_ids=ids,
    )


def found(right: set[int], images: int) -> Detections:
    """Return one detection in each image, right in some of them."""
    ids = np.arange(1, images + 1)
    return Detections(
        image_id=ids,
        label=np.zeros(images, np.int64),
        score=np.linspace(0.9, 0.5, images),
        box=np.array([BOX if i in right else ELSEWHERE for i in ids.tolist()]),
    )


def test_a_large_gain_is_sure_and_one_more_object_is_not() -> None:
    base = found(set(range(1, 11)), 20)
    large = chance_of_gain(base, found(set(range(1, 20)), 20), truth(20))
    small = chance_of_gain(base, found({*range(1, 10), 15}, 20), truth(20))
    assert large is not None
    assert small is not None
    assert (large.images, large.boxes) == (20, 20)
    assert large.low > 0
    assert 0.1 < large.low < large.high
    assert small.low <= 0


def test_the_scores_are_those_of_the_whole_set_when_each_image_is_drawn_once() -> None:

    ones = np.ones((1, 20), np.int64)
    score = resampled_scores(found(set(range(1, 11)), 20), truth(20), ones)
    assert score == pytest.approx([0.5])


@pytest.mark.parametrize("images", [0, MOST_IMAGES + 1])
def test_nothing_is_said_without_objects_or_of_a_large_set(images: int) -> None:
    nothing = found(set(), images)
    assert chance_of_gain(nothing, nothing, truth(images)) is None


def test_an_image_that_is_drawn_twice_counts_as_two_images() -> None:
    right = {1, 2, 5}
    flags = np.array([1, 1, 0, 0, 1, 0], np.int8)
    drawn = np.array([[1, 1, 1, 1, 2, 1]])[:, ::-1]  # the ids of `truth` fall
    score = resampled_precision(found(right, 6), flags, truth(6), 0, drawn)
    copied = found(right, 7)
    copied.score[:6] = np.linspace(0.9, 0.5, 6)
    copied.score[6] = copied.score[4]
    both = resampled_precision(copied, np.append(flags, 1), truth(7), 0, np.ones((1, 7), np.int64))
    assert score == pytest.approx(both)
    assert 0.4 < score[0] < 0.7


def test_a_set_drawn_without_objects_has_no_score() -> None:
    flags = np.array([1, 1], np.int8)
    drawn = np.array([[0, 0], [0, 2]])
    scores = resampled_precision(found({1, 2}, 2), flags, truth(2), 0, drawn)
    assert np.isnan(scores).tolist() == [True, False]
