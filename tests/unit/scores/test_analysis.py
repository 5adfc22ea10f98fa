"""The report's analysis of detections agrees with COCO's own counting."""

from __future__ import annotations

import contextlib
import io
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from train_teacher.scores.analysis import (
    ImageResult,
    analyse,
    best_images,
    images_of_all_classes,
    worst_images,
)
from train_teacher.scores.detections import Detections, GroundTruth

NAMES = ("cat", "dog", "bird")


def _detections(*rows: tuple[int, int, float, tuple[float, ...]]) -> Detections:
    return Detections(
        np.array([r[0] for r in rows], np.int64),
        np.array([r[1] for r in rows], np.int64),
        np.array([r[2] for r in rows], np.float64),
        np.array([r[3] for r in rows], np.float64).reshape(-1, 4),
    )


def _truth(
    *rows: tuple[int, int, tuple[float, ...]], images: int = 3, crowd: tuple[int, ...] = ()
) -> GroundTruth:
    return GroundTruth(
        np.array([r[0] for r in rows], np.int64),
        np.array([r[1] for r in rows], np.int64),
        np.array([r[2] for r in rows], np.float64).reshape(-1, 4),
        np.array([i in crowd for i in range(len(rows))], np.bool_),
        np.arange(1, images + 1),
    )


def test_a_perfect_detector_has_precision_and_recall_one_and_no_confusion() -> None:
    box = (10.0, 10.0, 50.0, 50.0)
    result = analyse(_detections((1, 0, 0.9, box)), _truth((1, 0, box)), NAMES)
    assert result.classes[0].average_precision == 1.0
    assert result.classes[0].best_f1 == 1.0
    assert result.classes[1].average_precision is None
    assert not result.confusions
    assert all(image.quality == 1 for image in result.images)


def test_a_box_of_the_wrong_class_is_a_confusion_and_makes_its_image_the_worst() -> None:
    box = (10.0, 10.0, 50.0, 50.0)
    found = _detections((1, 0, 0.9, box), (2, 1, 0.8, box), (3, 2, 0.7, (0, 0, 5, 5)))
    result = analyse(found, _truth((1, 0, box), (2, 0, box)), NAMES)
    assert result.threshold == 0.9
    low = analyse(found.rows(found.score < 0.85), _truth((2, 0, box), (3, 1, box)), NAMES)
    assert [(c.truth, c.detected, c.count) for c in low.confusions] == [("cat", "dog", 1)]
    assert low.images[0].image_id in (2, 3)
    assert low.missed == (0, 1, 0)
    assert low.background == (0, 0, 1)


def test_a_detection_on_a_crowd_counts_neither_way() -> None:
    crowd = (0.0, 0.0, 100.0, 100.0)
    found = _detections((1, 0, 0.9, (10, 10, 20, 20)), (1, 0, 0.8, (30, 30, 40, 40)))
    result = analyse(found, _truth((1, 0, crowd), crowd=(0,)), NAMES)
    assert result.background == (0, 0, 0)
    assert result.missed == (0, 0, 0)
    assert result.images[0].quality == 1


def test_an_empty_validation_is_no_division_by_zero() -> None:
    result = analyse(_detections(), _truth(), NAMES)
    assert result.threshold == 0.3
    assert len(result.images) == 3


BOX = st.tuples(*[st.integers(0, 60)] * 2, *[st.integers(5, 40)] * 2).map(
    lambda b: (float(b[0]), float(b[1]), float(b[0] + b[2]), float(b[1] + b[3]))
)
FOUND = st.lists(st.tuples(st.integers(1, 3), st.integers(0, 2), BOX), max_size=12)
LABELLED = st.lists(
    st.tuples(st.integers(1, 3), st.integers(0, 2), BOX, st.booleans()), min_size=1, max_size=8
)


def _pycocotools_ap50(found: Detections, truth: GroundTruth) -> list[float]:
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    def xywh(box: np.ndarray) -> list[float]:
        return [*box[:2].tolist(), *(box[2:] - box[:2]).tolist()]

    with contextlib.redirect_stdout(io.StringIO()):
        coco: Any = COCO()
        coco.dataset = {
            "images": [{"id": int(i), "width": 100, "height": 100} for i in truth.image_ids],
            "categories": [{"id": n + 1, "name": name} for n, name in enumerate(NAMES)],
            "annotations": [
                {
                    "id": n + 1,
                    "image_id": int(truth.image_id[n]),
                    "category_id": int(truth.label[n]) + 1,
                    "bbox": xywh(box),
                    "area": float((box[2] - box[0]) * (box[3] - box[1])),
                    "iscrowd": int(truth.crowd[n]),
                }
                for n, box in enumerate(truth.box)
            ],
        }
        coco.createIndex()
        results = coco.loadRes(
            [
                {
                    "image_id": int(found.image_id[n]),
                    "category_id": int(found.label[n]) + 1,
                    "bbox": xywh(box),
                    "score": float(found.score[n]),
                }
                for n, box in enumerate(found.box)
            ]
        )
        judge = COCOeval(coco, results, "bbox")
        judge.evaluate()
        judge.accumulate()
    precision = judge.eval["precision"][0, :, :, 0, -1]
    return [float(precision[:, c].mean()) for c in range(len(NAMES))]


@settings(max_examples=60, deadline=None)
@given(FOUND.filter(bool), LABELLED)
def test_average_precision_at_half_overlap_equals_pycocotools(
    found: list[Any], labelled: list[Any]
) -> None:
    detections = _detections(
        *((image, label, 0.9 - 0.05 * n, box) for n, (image, label, box) in enumerate(found))
    )
    crowd = tuple(n for n, row in enumerate(labelled) if row[3])
    truth = _truth(*(row[:3] for row in labelled), crowd=crowd)
    ours = [c.average_precision for c in analyse(detections, truth, NAMES).classes]
    theirs = _pycocotools_ap50(detections, truth)
    for left, right in zip(ours, theirs, strict=True):
        assert (left if left is not None else -1.0) == pytest.approx(right, abs=1e-6)


def test_best_images_are_those_with_the_highest_f1_when_none_is_perfect() -> None:
    images = [
        ImageResult(1, 0, 3, 0),
        ImageResult(2, 1, 2, 1),
        ImageResult(3, 2, 1, 0),
        ImageResult(4, 3, 1, 0),
    ]
    worst = worst_images(images, 2)
    assert [p.image_id for p in worst] == [1, 2]
    assert [p.image_id for p in best_images(images, 2, worst)] == [4, 3]
    assert [p.image_id for p in best_images(images, 9)] == [4, 3, 2]


def test_images_are_chosen_until_every_class_was_seen_and_then_again() -> None:
    box = (0.0, 0.0, 9.0, 9.0)
    truth = _truth((1, 0, box), (2, 0, box), (2, 1, box), (3, 2, box), (4, 0, box), images=5)

    assert images_of_all_classes(truth, 2) == [2, 3]
    assert images_of_all_classes(truth, 9) == [2, 3, 1, 4], "none without an object"


def test_a_crowd_is_no_object_to_show() -> None:
    box = (0.0, 0.0, 9.0, 9.0)

    assert images_of_all_classes(_truth((1, 0, box), (2, 0, box), crowd=(0,)), 4) == [2]
