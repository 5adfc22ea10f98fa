"""A validation is counted faster than MMDetection counts it, with the same scores."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from train_teacher.mmdet_plugin.validation.metric import TeacherCocoMetric


def write_truth(path: Path, images: int, generator: np.random.Generator) -> None:
    annotations: list[dict[str, Any]] = []
    for image in range(1, images + 1):
        for _ in range(int(generator.integers(0, 6))):
            corner, size = generator.integers(0, 150, 2), generator.integers(2, 120, 2)
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image,
                    "category_id": int(generator.integers(2, 4)),
                    "bbox": [*corner.tolist(), *size.tolist()],
                    "area": int(size.prod()),
                    "iscrowd": int(generator.random() < 0.1),
                }
            )
    content = {
        "images": [
            {"id": n + 1, "width": 300, "height": 300, "file_name": f"{n}.png"}
            for n in range(images)
        ],
        "annotations": annotations,
        # Nothing is labeled `unseen`: its score is not a number.
        "categories": [{"id": n, "name": name} for n, name in ((2, "a"), (3, "b"), (7, "unseen"))],
    }
    path.write_text(json.dumps(content))


def some_results(path: Path, generator: np.random.Generator) -> list[Any]:
    """Return noisy copies of the labels, and random boxes, with tied scores among them."""
    truth = json.loads(path.read_text())
    results: list[Any] = []
    for image in truth["images"]:
        own = [a for a in truth["annotations"] if a["image_id"] == image["id"]]
        boxes = [a["bbox"] for a in own for _ in range(2)] + [[10, 10, 80, 90]] * 3
        near = np.array(boxes, "f4") + generator.normal(0, 5, (len(boxes), 4)).astype("f4")
        near[:, 2:] = near[:, :2] + np.maximum(near[:, 2:], 1)
        labels = [a["category_id"] - 2 for a in own for _ in range(2)] + [0, 1, 2]
        found = {
            "img_id": image["id"],
            "bboxes": near,
            "scores": (generator.integers(0, 20, len(boxes)) / 20).astype("f4"),
            "labels": np.array(labels),
        }
        results.append(({"img_id": image["id"], "width": 300, "height": 300}, found))
    return results


def test_scores_are_those_of_mmdetections_own_metric(tmp_path: Path) -> None:
    from mmdet.evaluation.metrics import CocoMetric

    generator = np.random.default_rng(0)
    path = tmp_path / "val.json"
    write_truth(path, 40, generator)
    results = some_results(path, generator)
    scores = []
    for kind in (CocoMetric, TeacherCocoMetric):
        metric = kind(ann_file=str(path), metric="bbox", classwise=True)
        metric.dataset_meta = {"classes": ("a", "b", "unseen")}
        scores.append(metric.compute_metrics(results))
    stock, ours = scores
    assert list(ours) == list(stock)
    np.testing.assert_equal(
        {k: float(v) for k, v in ours.items()}, {k: float(v) for k, v in stock.items()}
    )
    assert 0.05 < ours["bbox_mAP"] < 0.95


def test_a_validation_that_finds_nothing_has_a_score_of_zero(tmp_path: Path) -> None:
    path = tmp_path / "val.json"
    write_truth(path, 2, np.random.default_rng(0))
    metric = TeacherCocoMetric(ann_file=str(path), metric="bbox", classwise=True)
    metric.dataset_meta = {"classes": ("a", "b", "unseen")}
    nothing = {"bboxes": np.empty((0, 4)), "scores": np.empty(0), "labels": np.empty(0)}
    shape = {"width": 300, "height": 300}
    results = [({"img_id": n, **shape}, {"img_id": n, **nothing}) for n in (1, 2)]
    assert metric.compute_metrics(results) == {"bbox_mAP": 0.0}
