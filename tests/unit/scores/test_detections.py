"""Columns of detections keep what belongs together together."""

from __future__ import annotations

import numpy as np
import pytest

from train_teacher.scores.detections import (
    Detections,
    GroundTruth,
    ImageDetections,
    choose_labels,
    in_whole_images,
    joined,
    overlaps,
)


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


def in_image(*rows: tuple[int, float, tuple[float, float, float, float]]) -> ImageDetections:
    labels, scores, boxes = zip(*rows, strict=True)
    return ImageDetections(
        100, 100, np.array(labels), np.array(scores), np.array(boxes, np.float64)
    )


IMAGE = in_image(
    (0, 0.9, (0, 0, 50, 50)),
    (0, 0.8, (1, 0, 50, 50)),
    (1, 0.7, (0, 0, 50, 49)),
    (1, 0.6, (60, 60, 90, 90)),
    (1, 0.5, (60, 60, 60, 90)),
    (0, 0.2, (10, 60, 30, 90)),
)


def test_an_object_is_labelled_once_with_the_surest_class() -> None:
    kept = choose_labels(IMAGE, 0.3)
    assert kept.score.tolist() == [0.9, 0.6]


def test_with_an_overlap_of_one_all_boxes_with_an_extent_are_kept() -> None:
    kept = choose_labels(IMAGE, 0.0, most_overlap=1)
    assert kept.score.tolist() == [0.9, 0.8, 0.7, 0.6, 0.2]


def test_the_threshold_itself_is_enough() -> None:
    assert choose_labels(IMAGE, 0.9).score.tolist() == [0.9]


def test_each_class_has_a_least_score_of_its_own() -> None:
    assert choose_labels(IMAGE, np.array([0.95, 0.65])).score.tolist() == [0.7]


def detections(*rows: tuple[int, int, float, list[float]]) -> Detections:
    tile, label, score, box = zip(*rows, strict=True)
    return Detections(np.array(tile), np.array(label), np.array(score), np.array(box, float))


def test_an_object_on_a_seam_is_found_once_and_whole() -> None:
    # The tiles begin at 0 and at 80 of image 5; 20 pixels are in both.
    found = in_whole_images(
        detections(
            (1, 0, 0.6, [84, 10, 100, 30]),  # cut off at 100
            (2, 0, 0.9, [4, 10, 34, 30]),
            (2, 1, 0.8, [4, 10, 34, 30]),  # another class
            (2, 0, 0.7, [60, 60, 80, 80]),
        ),
        {1: (5, 0, 0), 2: (5, 80, 0)},
        most=10,
    )

    assert found.image_id.tolist() == [5, 5, 5]
    assert found.score.tolist() == [0.9, 0.8, 0.7]
    assert found.box.tolist() == [[84, 10, 114, 30], [84, 10, 114, 30], [140, 60, 160, 80]]


def test_the_best_are_kept_of_each_image() -> None:
    rows = [(tile, 0, n / 10, [20 * n, 0, 20 * n + 9, 9]) for tile in (1, 2) for n in (3, 2, 1)]
    found = in_whole_images(detections(*rows), {1: (5, 0, 0), 2: (5, 0, 90), 3: (6, 0, 0)}, most=2)

    assert found.score.tolist() == [0.3, 0.3]
    assert sorted(found.box[:, 1].tolist()) == [0, 90]


def test_an_image_that_is_its_only_tile_stays_as_it_is() -> None:
    twice = detections((4, 0, 0.9, [0, 0, 9, 9]), (4, 0, 0.8, [0, 0, 9, 8]))

    found = in_whole_images(twice, {4: (1, 0, 0), 5: (2, 0, 0), 6: (2, 5, 0)}, most=1)

    assert found.box.tolist() == twice.box.tolist()
    assert found.image_id.tolist() == [1, 1]


def test_nothing_found_is_nothing() -> None:
    none = Detections(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0), np.empty((0, 4)))

    assert len(in_whole_images(none, {1: (1, 0, 0)}, most=5).score) == 0
