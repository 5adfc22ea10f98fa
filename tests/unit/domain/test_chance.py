"""A gain on a few pictures is told apart from one that chance would make."""

from __future__ import annotations

import numpy as np
import pytest

from train_teacher.domain.chance import MOST_PICTURES, chance_of_gain
from train_teacher.domain.detections import Detections, GroundTruth

BOX = (10.0, 10.0, 50.0, 50.0)
ELSEWHERE = (100.0, 100.0, 150.0, 150.0)


def truth(pictures: int) -> GroundTruth:
    """Return pictures with one object each, their ids out of order."""
    ids = np.arange(pictures, 0, -1)
    return GroundTruth(
        image_id=ids,
        label=np.zeros(pictures, np.int64),
        box=np.array([BOX] * pictures).reshape(-1, 4),
        crowd=np.zeros(pictures, np.bool_),
        image_ids=ids,
    )


def found(right: set[int], pictures: int) -> Detections:
    """Return one detection in each picture, right in some of them."""
    ids = np.arange(1, pictures + 1)
    return Detections(
        image_id=ids,
        label=np.zeros(pictures, np.int64),
        score=np.linspace(0.9, 0.5, pictures),
        box=np.array([BOX if i in right else ELSEWHERE for i in ids.tolist()]),
    )


def test_a_large_gain_is_sure_and_one_more_object_is_not() -> None:
    base = found(set(range(1, 11)), 20)
    large = chance_of_gain(base, found(set(range(1, 20)), 20), truth(20))
    small = chance_of_gain(base, found({*range(1, 10), 15}, 20), truth(20))
    assert large is not None
    assert small is not None
    assert (large.pictures, large.boxes) == (20, 20)
    assert large.is_sure
    assert 0.1 < large.low < large.high
    assert not small.is_sure


def test_the_scores_are_those_of_the_whole_set_when_each_picture_is_drawn_once() -> None:
    from train_teacher.domain.chance import _scores

    ones = np.ones((1, 20), np.int64)
    score = _scores(found(set(range(1, 11)), 20), truth(20), ones)
    assert score == pytest.approx([0.5])


@pytest.mark.parametrize("pictures", [0, MOST_PICTURES + 1])
def test_nothing_is_said_without_objects_or_of_a_large_set(pictures: int) -> None:
    nothing = found(set(), pictures)
    assert chance_of_gain(nothing, nothing, truth(pictures)) is None
