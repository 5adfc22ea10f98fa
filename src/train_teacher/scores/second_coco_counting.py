"""mmdet's COCO metrics counted by faster-coco-eval: the same numbers without files in between."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from typing import Any

import numpy as np

STATS = {
    "mAP": ("all", None, 100),
    "mAP_50": ("all", 0.5, None),
    "mAP_75": ("all", 0.75, None),
    "mAP_s": ("small", None, None),
    "mAP_m": ("medium", None, None),
    "mAP_l": ("large", None, None),
}
"""Size of the objects, overlap (None: the mean of all) and boxes per image (None: the most) of
mmdet's metrics: pycocotools' `_summarizeDets` (cocoeval.py:458) with mmdet's maxDets."""


def as_results(
    predictions: Sequence[Mapping[str, Any]], category_ids: Sequence[int]
) -> list[dict[str, Any]]:
    """Return predictions as COCO's result records.

    Args:
        predictions: `img_id`, `bboxes` (D, 4) xyxy in pixels, `scores` and `labels` (D,).
        category_ids: id of each label.
    """
    records = []
    for one in predictions:
        boxes = np.array(one["bboxes"], dtype=np.float64).reshape(-1, 4)
        boxes[:, 2:] -= boxes[:, :2]
        columns = zip(one["labels"].tolist(), boxes.tolist(), one["scores"].tolist(), strict=True)
        records += [
            {
                "image_id": one["img_id"],
                "category_id": category_ids[label],
                "bbox": box,
                "score": score,
            }
            for label, box, score in columns
        ]
    return records


def count_precision(
    truth: Mapping[str, Any],
    results: Sequence[dict[str, Any]],
    category_ids: Sequence[int],
    image_ids: Sequence[int],
    most: Sequence[int],
    overlaps: np.ndarray,
) -> tuple[np.ndarray, Any]:
    """Count precision as COCOeval does.

    Args:
        truth: a COCO object.
        results: COCO result records, not empty.
        category_ids: what is counted, in order.
        image_ids: what is counted.
        most: boxes per image, three numbers.
        overlaps: from which a box counts as found.

    Returns:
        (overlaps, recalls, classes, sizes, most) precision, -1 where there is nothing to find; and
        the parameters it was counted with.
    """
    from faster_coco_eval import COCO, COCOeval_faster

    # It reports on stdout, which is for results.
    with redirect_stdout(io.StringIO()):
        labelled = COCO()
        labelled.dataset = {**truth, "info": truth.get("info", {})}
        labelled.createIndex()
        counting = COCOeval_faster(labelled, labelled.loadRes(list(results)), iouType="bbox")
        counting.params.catIds = list(category_ids)
        counting.params.imgIds = list(image_ids)
        counting.params.maxDets = list(most)
        counting.params.iouThrs = overlaps
        counting.evaluate()
        counting.accumulate()
    return np.asarray(counting.eval["precision"]), counting.params


def mean_precision(precision: np.ndarray, params: Any, stat: str) -> float:
    """Return one of `STATS`; -1 when there is nothing of that size.

    Args:
        precision: from `count_precision`.
        params: from `count_precision`.
        stat: its name.
    """
    size, overlap, most = STATS[stat]
    area = list(params.areaRngLbl).index(size)
    column = list(params.maxDets).index(most) if most in params.maxDets else -1
    if most is not None and column < 0:
        return -1.0
    values = precision[..., area, column]
    if overlap is not None:
        values = values[np.isclose(params.iouThrs, overlap)]
    counted = values[values > -1]
    return float(counted.mean()) if counted.size else -1.0


def class_precision(precision: np.ndarray, column: int) -> float:
    """Return a class's mean precision, NaN when it has no object.

    Args:
        precision: from `count_precision`.
        column: of the class.
    """
    values = precision[:, :, column, 0, -1]
    counted = values[values > -1]
    return float(counted.mean()) if counted.size else float("nan")
