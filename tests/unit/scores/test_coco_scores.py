"""The numbers are pycocotools' own, whatever the labels and the detections."""

import contextlib
import io
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask as run_lengths
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from train_teacher.scores.coco_scores import CocoScores, coco_results, score, with_every_mask
from train_teacher.scores.detections import Detections

SIDE = 200


def labels_and_results(seed: int, *, masks: bool = False) -> tuple[dict[str, Any], list[Any]]:
    """Return random labels with crowds, and detections near and far, many of the same score."""
    random = np.random.default_rng(seed)
    images = [
        {"id": n, "width": SIDE, "height": SIDE, "file_name": f"{n}.png"} for n in range(1, 9)
    ]
    annotations: list[dict[str, Any]] = []
    results: list[dict[str, Any]] = []
    for image in images:
        for _ in range(random.integers(0, 7)):
            box = [*random.integers(0, 150, 2).tolist(), *random.integers(1, 120, 2).tolist()]
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image["id"],
                    "category_id": int(random.integers(1, 4)),
                    "bbox": box,
                    "area": float(box[2] * box[3]) * float(random.choice([0.6, 1.0])),
                    "iscrowd": int(random.random() < 0.15),
                }
            )
        here = [a for a in annotations if a["image_id"] == image["id"]]
        for near in here * 2:
            box = (np.asarray(near["bbox"]) + random.normal(0, 5, 4)).tolist()
            box[2:] = [max(1.0, side) for side in box[2:]]
            results.append(
                {
                    "image_id": image["id"],
                    "category_id": int(random.choice([near["category_id"], 1, 2])),
                    "bbox": box,
                    "score": float(random.integers(0, 8)) / 8,
                }
            )
    if masks:
        for record in [*annotations, *results]:
            record["segmentation"] = _mask(record["bbox"])
    categories = [{"id": n, "name": f"class {n}"} for n in range(1, 5)]
    return {"images": images, "annotations": annotations, "categories": categories}, results


def _mask(box: list[float]) -> dict[str, Any]:
    inside = np.zeros((SIDE, SIDE), np.uint8, order="F")
    x, y, width, height = (round(value) for value in box)
    inside[max(y, 0) : y + height, max(x, 0) : x + width] = 1
    coded = run_lengths.encode(inside)
    return {"size": coded["size"], "counts": coded["counts"].decode()}


def reference(truth: dict[str, Any], results: list[Any], kind: str) -> COCOeval:
    with contextlib.redirect_stdout(io.StringIO()):
        labelled = COCO()
        labelled.dataset = {**truth, "info": {}}
        labelled.createIndex()
        found = labelled.loadRes([dict(record) for record in results])
        counting = COCOeval(labelled, found, kind)
        counting.evaluate()
        counting.accumulate()
        counting.summarize()
    return counting


def all_numbers(scores: CocoScores) -> list[float | None]:
    return [
        scores.average_precision,
        scores.average_precision_50,
        scores.average_precision_75,
        *(size.average_precision for size in scores.sizes),
        scores.average_recall_1,
        scores.average_recall_10,
        scores.average_recall_100,
        *(size.average_recall for size in scores.sizes),
    ]


@given(seed=st.integers(0, 10_000), masks=st.booleans())
def test_every_number_is_that_of_pycocotools(seed: int, masks: bool) -> None:
    truth, results = labels_and_results(seed, masks=masks)
    if not results:
        return
    kind: Any = "segm" if masks else "bbox"
    scores = score(truth, results, kind)
    counting = reference(truth, results, kind)
    assert all_numbers(scores) == pytest.approx(
        [None if v < 0 else v for v in counting.stats], abs=1e-6
    )
    for k, entry in enumerate(scores.classes):
        precision = counting.eval["precision"][:, :, k, 0, 2]
        counted = precision[precision > -1]
        wanted = counted.mean() if counted.size else None
        assert entry.average_precision == pytest.approx(wanted, abs=1e-6)


def test_nothing_found_scores_zero_and_a_class_without_objects_has_no_score() -> None:
    truth, _ = labels_and_results(3)
    scores = score(truth, [])
    assert scores.average_precision == 0
    assert scores.average_recall_100 == 0
    assert scores.classes[3].objects == 0
    assert scores.classes[3].average_precision is None


def test_detections_become_result_records() -> None:
    found = Detections(
        np.array([7]), np.array([1]), np.array([0.5]), np.array([[10.0, 20.0, 40.0, 60.0]])
    )
    assert coco_results(found, [3, 9]) == [
        {"image_id": 7, "category_id": 9, "bbox": [10.0, 20.0, 30.0, 40.0], "score": 0.5}
    ]


def test_objects_without_a_mask_count_neither_for_nor_against_a_mask() -> None:
    truth, _ = labels_and_results(3, masks=True)
    masked = {**truth, "annotations": [a for a in truth["annotations"] if a["id"] % 3]}
    on_masked = [
        {**annotation, "score": 0.9}
        for annotation in truth["annotations"]
        if not annotation["iscrowd"]
    ]
    some = [
        {name: value for name, value in a.items() if a["id"] % 3 or name != "segmentation"}
        for a in truth["annotations"]
    ]
    assert len(masked["annotations"]) < len(some)
    found = score(with_every_mask({**truth, "annotations": some}), on_masked, "segm")
    assert found.average_precision == 1.0
    assert sum(entry.objects for entry in found.classes) == sum(
        not a["iscrowd"] for a in masked["annotations"]
    )
