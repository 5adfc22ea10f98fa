"""Each kind of wrong label is recognized, and a right label is not doubted."""

from __future__ import annotations

import numpy as np

from train_teacher.audit.compare import Comparison, compare, outside_crowds
from train_teacher.scores.detections import ImageDetections

Row = tuple[int, tuple[float, float, float, float]]
HERE, MOVED, AWAY = (10, 10, 60, 60), (10, 30, 60, 80), (200, 200, 260, 260)


def compared(labels: list[Row], *found: tuple[int, float, tuple[float, ...]]) -> Comparison:
    best = sorted(found, key=lambda row: -row[1])
    return compare(
        np.array([label for label, _ in labels], np.int64),
        np.array([box for _, box in labels], np.float64).reshape(-1, 4),
        ImageDetections(
            300,
            300,
            np.array([row[0] for row in best], np.int64),
            np.array([row[1] for row in best], np.float64),
            np.array([row[2] for row in best], np.float64).reshape(-1, 4),
        ),
    )


def kinds(labels: list[Row], *found: tuple[int, float, tuple[float, ...]]) -> list[tuple[str, int]]:
    return [(doubt.kind, doubt.label) for doubt in compared(labels, *found).doubts]


def test_a_label_that_the_teacher_agrees_with_is_not_doubted() -> None:
    assert kinds([(0, HERE)], (0, 0.8, HERE)) == []
    assert compared([(0, HERE)], (0, 0.8, HERE)).agrees.tolist() == [True]


def test_a_box_without_a_label_and_a_label_without_a_box_are_told() -> None:
    assert kinds([(0, HERE)], (0, 0.8, HERE), (1, 0.7, AWAY)) == [("missing", -1)]
    assert kinds([(0, HERE), (0, AWAY)], (0, 0.8, HERE)) == [("phantom", 1)]
    assert compared([(0, AWAY)], (0, 0.8, HERE)).support.tolist() == [0]


def test_another_class_on_a_label_is_no_missing_label() -> None:
    assert kinds([(0, HERE)], (1, 0.8, HERE), (0, 0.3, HERE)) == [("class", 0)]


def test_a_label_beside_its_box_is_told_with_their_overlap() -> None:
    (doubt,) = compared([(0, MOVED)], (0, 0.8, HERE)).doubts
    assert (doubt.kind, round(doubt.overlap, 2)) == ("location", 0.43)


def test_of_two_labels_of_one_object_the_one_that_lies_worse_is_the_double() -> None:
    assert kinds([(0, (10, 10, 60, 55)), (0, HERE)], (0, 0.8, HERE)) == [("double", 0)]
    both = [(0, HERE), (1, HERE)]
    assert kinds(both, (1, 0.8, HERE)) == [("double", 0)], "the wrong class is the second label"
    assert kinds([(0, AWAY), (0, AWAY)], (0, 0.8, HERE)) == [
        ("missing", -1), ("phantom", 0), ("double", 1)]  # fmt: skip


def test_an_image_without_labels_or_without_boxes_can_be_compared() -> None:
    assert kinds([], (0, 0.8, HERE)) == [("missing", -1)]
    assert kinds([(0, HERE)]) == [("phantom", 0)]
    assert kinds([]) == []


def test_in_a_region_of_unlabelled_objects_nothing_is_missing() -> None:
    found = compared([], (0, 0.8, HERE), (0, 0.7, AWAY)).found
    crowds = np.array([[0, 0, 100, 100]], np.float64)
    assert outside_crowds(found, crowds).box.tolist() == [list(AWAY)]
    assert len(outside_crowds(found, crowds[:0]).score) == 2
