import numpy as np

from train_teacher.prediction.choose_labels import choose_labels
from train_teacher.scores.detections import ImageDetections


def found(*rows: tuple[int, float, tuple[float, float, float, float]]) -> ImageDetections:
    labels, scores, boxes = zip(*rows, strict=True)
    return ImageDetections(
        100, 100, np.array(labels), np.array(scores), np.array(boxes, np.float64)
    )


IMAGE = found(
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
