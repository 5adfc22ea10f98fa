from __future__ import annotations

import numpy as np

from train_teacher.scores.detections import Detections
from train_teacher.scores.tile_detections import in_whole_images


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
