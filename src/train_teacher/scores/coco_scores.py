"""COCO scores of detections by faster-coco-eval, whose numbers are those of pycocotools."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec
import numpy as np

from train_teacher.scores.detections import Detections, xywh

Kind = Literal["bbox", "segm"]
MOST_DETECTIONS = 2
"""Row of COCOeval's maxDets (1, 10, 100)."""
SIZES = ("small", "medium", "large")
"""Areas up to 32 * 32 and 96 * 96 pixels, and beyond (COCOeval's areaRng)."""


class ClassScores(msgspec.Struct, frozen=True):
    """One class; None where no object of it could be found."""

    name: str
    objects: int
    average_precision: float | None
    """Mean over overlaps of 0.5 to 0.95."""
    average_precision_50: float | None
    average_recall: float | None
    """With 100 detections an image, mean over the overlaps."""


class SizeScores(msgspec.Struct, frozen=True):
    """Objects of one size; None where there are none."""

    size: str
    average_precision: float | None
    average_recall: float | None


class CocoScores(msgspec.Struct, frozen=True):
    """Scores of COCOeval, with at most 100 detections an image; None where there is no object."""

    average_precision: float | None
    average_precision_50: float | None
    average_precision_75: float | None
    average_recall_1: float | None
    """With one detection an image."""
    average_recall_10: float | None
    average_recall_100: float | None
    sizes: tuple[SizeScores, ...]
    classes: tuple[ClassScores, ...]


def coco_results(
    detections: Detections, category_ids: Sequence[int], masks: Sequence[Any] | None = None
) -> list[dict[str, Any]]:
    """Return detections as COCO's result records, with run lengths where there are masks."""
    columns = zip(
        detections.image_id.tolist(),
        detections.label.tolist(),
        xywh(detections.box.astype(np.float64)).tolist(),
        detections.score.tolist(),
        strict=True,
    )
    records = [
        {"image_id": image, "category_id": category_ids[label], "bbox": box, "score": score}
        for image, label, box, score in columns
    ]
    for record, mask in zip(records, masks or (), strict=bool(masks)):
        record["segmentation"] = mask
    return records


def score(
    truth: Mapping[str, Any], results: Sequence[Mapping[str, Any]], kind: Kind = "bbox"
) -> CocoScores:
    """Score result records against a COCO object; its annotations have area and iscrowd."""
    counting = count(truth, [dict(record) for record in results], kind)
    counting.summarize()
    return _scores(truth, counting)


def count(
    truth: Mapping[str, Any], results: list[dict[str, Any]], kind: Kind = "bbox", **parameters: Any
) -> Any:
    """Return a COCOeval that has counted: its `eval` and `params` are pycocotools'.

    The truth's annotations have area and iscrowd; members are added to the results. Parameters are
    COCOeval's, such as `maxDets`.
    """
    from faster_coco_eval import COCO, COCOeval_faster

    labelled = COCO({**truth, "info": truth.get("info", {})})
    found = labelled.loadRes(results) if results else COCO({**truth, "annotations": []})
    counting = COCOeval_faster(labelled, found, iouType=kind)
    for name, value in parameters.items():
        setattr(counting.params, name, value)
    counting.evaluate()
    counting.accumulate()
    return counting


def _scores(truth: Mapping[str, Any], counting: Any) -> CocoScores:
    stats = [float(value) if value >= 0 else None for value in counting.stats[:12]]
    return CocoScores(
        average_precision=stats[0],
        average_precision_50=stats[1],
        average_precision_75=stats[2],
        average_recall_1=stats[6],
        average_recall_10=stats[7],
        average_recall_100=stats[8],
        sizes=tuple(
            SizeScores(size, stats[3 + row], stats[9 + row]) for row, size in enumerate(SIZES)
        ),
        classes=tuple(_classes(truth, counting)),
    )


def _classes(truth: Mapping[str, Any], counting: Any) -> list[ClassScores]:
    """Return the scores by class, in the order of the categories."""
    precision = np.asarray(counting.eval["precision"])  # (T, R, K, A, M)
    recall = np.asarray(counting.eval["recall"])  # (T, K, A, M)
    objects: dict[int, int] = {}
    for annotation in truth["annotations"]:
        if not annotation.get("iscrowd"):
            category = annotation["category_id"]
            objects[category] = objects.get(category, 0) + 1
    column = {category: k for k, category in enumerate(counting.params.catIds)}
    found = []
    for category in truth["categories"]:
        k = column[category["id"]]
        at = precision[:, :, k, 0, MOST_DETECTIONS]
        found.append(
            ClassScores(
                name=category["name"],
                objects=objects.get(category["id"], 0),
                average_precision=mean(at),
                average_precision_50=mean(at[0]),
                average_recall=mean(recall[:, k, 0, MOST_DETECTIONS]),
            )
        )
    return found


def mean(precision: np.ndarray) -> float | None:
    """Return the mean of counted precision or recall, None where there was nothing to find."""
    counted = precision[precision > -1]
    return float(counted.mean()) if counted.size else None


def with_every_mask(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return a COCO object in which objects without a mask are crowds with the mask of their box.

    COCOeval needs a mask of everything; what lies on a crowd is neither right nor wrong.
    """
    annotations = [
        annotation
        if annotation.get("segmentation")
        else {**annotation, "iscrowd": 1, "segmentation": [_outline(*annotation["bbox"])]}
        for annotation in content["annotations"]
    ]
    return {**content, "annotations": annotations}


def _outline(x: float, y: float, width: float, height: float) -> list[float]:
    return [x, y, x + width, y, x + width, y + height, x, y + height]
