"""Detections are called right, wrong or on a crowd as COCO calls them."""

from __future__ import annotations

import numpy as np
import pytest

from train_teacher.scores.detections import Detections, GroundTruth
from train_teacher.scores.judgement import judge

BOX = (10.0, 10.0, 50.0, 50.0)
SHIFTED = (10.0, 10.0, 50.0, 40.0)
"""Overlaps `BOX` by 0.75."""
ELSEWHERE = (100.0, 100.0, 150.0, 150.0)


def truth(*rows: tuple[int, int, tuple[float, ...], bool]) -> GroundTruth:
    """Return labels given by image, class, box and crowd."""
    image, label, box, crowd = zip(*rows, strict=True)
    # The ids of the images are out of order.
    return GroundTruth(
        np.array(image), np.array(label), np.array(box), np.array(crowd), np.array([7, 2, 5])
    )


def found(*rows: tuple[int, int, float, tuple[float, ...]]) -> Detections:
    """Return detections given by image, class, score and box."""
    image, label, score, box = zip(*rows, strict=True)
    return Detections(np.array(image), np.array(label), np.array(score), np.array(box))


def test_the_best_detection_of_an_object_is_right_and_the_next_one_is_wrong() -> None:
    labels = truth((7, 0, BOX, False), (2, 1, BOX, False))
    judged = judge(found((7, 0, 0.5, BOX), (7, 0, 0.9, SHIFTED), (2, 0, 0.8, BOX)), labels, 3)
    assert judged.flags.tolist() == [0, 1, 0]
    assert judged.row.tolist() == [-1, 0, -1]
    assert judged.objects.tolist() == [1, 1, 0]
    assert judged.recall[:2].tolist() == [1.0, 0.0]
    assert judged.average_precision[:2] == pytest.approx([1.0, 0.0])


def test_a_class_without_objects_has_no_score() -> None:
    judged = judge(found((7, 1, 0.9, BOX)), truth((7, 0, BOX, False)), 2)
    assert np.isnan(judged.average_precision).tolist() == [False, True]
    assert np.isnan(judged.recall).tolist() == [False, True]


def test_detections_on_a_crowd_are_neither_right_nor_wrong_however_many() -> None:
    labels = truth((7, 0, BOX, True), (7, 0, ELSEWHERE, False))
    judged = judge(found((7, 0, 0.9, BOX), (7, 0, 0.8, SHIFTED)), labels, 1)
    assert judged.flags.tolist() == [-1, -1]
    assert judged.row.tolist() == [0, 0]
    assert judged.objects.tolist() == [1]


@pytest.mark.parametrize(("iou", "right"), [(0.7, 1), (0.8, 0)])
def test_a_detection_is_right_from_the_overlap_on(iou: float, right: int) -> None:
    judged = judge(found((5, 0, 0.9, SHIFTED)), truth((5, 0, BOX, False)), 1, iou)
    assert judged.flags.tolist() == [right]


def test_more_detections_than_coco_looks_at_are_all_judged() -> None:
    wrong = [(7, 0, 0.9, ELSEWHERE)] * 150
    judged = judge(found(*wrong, (7, 0, 0.1, BOX)), truth((7, 0, BOX, False)), 1)
    assert judged.flags.tolist() == [0] * 150 + [1]
    assert judged.recall.tolist() == [1.0]
