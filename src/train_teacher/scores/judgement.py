"""Matching of detections and labels as in COCO: right ones, and their precision."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from train_teacher.core.arrays import Floats, Ints
from train_teacher.scores.coco_scores import coco_results, count
from train_teacher.scores.detections import Detections, GroundTruth

IOU = 0.5
ANY_NUMBER = 1_000_000
"""Of detections an image, where COCO counts at most 100."""


@dataclass(frozen=True)
class Judgement:
    """D detections of C classes, judged at one overlap."""

    row: Ints
    """(D,) row of the labeled box that each detection lies on, -1 for none."""
    flags: npt.NDArray[np.int8]
    """(D,) 1 for a right detection, 0 for a wrong one, -1 for one on a crowd."""
    objects: Ints
    """(C,) crowds left out."""
    precision: Floats
    """(101, C) highest precision at a recall of at least 0, 0.01, ..., 1; NaN without objects."""
    recall: Floats
    """(C,) of all detections, whatever their score; NaN without objects."""

    @property
    def average_precision(self) -> Floats:
        """(C,) NaN without objects."""
        return np.asarray(self.precision.mean(axis=0))


def judge(
    detections: Detections, truth: GroundTruth, num_classes: int, iou: float = IOU
) -> Judgement:
    """Match detections by class, those of highest score first.

    Args:
        detections: D of them.
        truth: the labels.
        num_classes: C, more than the highest label.
        iou: least overlap of a right one.
    """
    counting = count(
        _as_coco(truth, num_classes),
        coco_results(detections, range(num_classes)),
        maxDets=[ANY_NUMBER],
        iouThrs=np.array([iou]),
        areaRng=[[0, np.inf]],
        areaRngLbl=["all"],
    )
    row = np.full(len(detections.score), -1)
    for pair in counting.eval["matched"]:
        detection, labelled = map(int, pair.split("_"))
        row[detection - 1] = labelled - 1
    on_crowd = np.append(truth.crowd, False)[row]
    precision = counting.eval["precision"][0, ..., 0, 0]
    recall = counting.eval["recall"][0, :, 0, 0]
    return Judgement(
        row=row,
        flags=np.where(on_crowd, -1, row >= 0).astype(np.int8),
        objects=np.bincount(truth.label[~truth.crowd], minlength=num_classes),
        precision=np.where(precision < 0, np.nan, precision),
        recall=np.where(recall < 0, np.nan, recall),
    )


def _as_coco(truth: GroundTruth, num_classes: int) -> dict[str, object]:
    """Return a COCO object whose annotation ids are the rows from 1, and its classes the labels."""
    unscored = Detections(truth.image_id, truth.label, np.zeros(len(truth.label)), truth.box)
    annotations = coco_results(unscored, range(num_classes))
    for number, (record, crowd) in enumerate(zip(annotations, truth.crowd.tolist(), strict=True)):
        width, height = record["bbox"][2:]
        record |= {"id": number + 1, "area": width * height, "iscrowd": int(crowd)}
    return {
        "images": [{"id": image} for image in truth.image_ids.tolist()],
        "categories": [{"id": label} for label in range(num_classes)],
        "annotations": annotations,
    }
