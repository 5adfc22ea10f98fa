"""Validation scores, and the detections of the base weights and of the best epoch.

Both in the training's own thread, because there is little to gain from another: of a validation of
the demo model on CPU counting is 1.5 % (4.8 of 313 ms an image, scripts/benchmarks/validate.py),
and Swin-T's model takes many times longer. An image with 300 detections takes 7 ms of one core to
count and 0.5 ms to write. The score cannot wait: it decides what becomes best.pth and when to stop.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmdet.evaluation.metrics import CocoMetric
from mmdet.registry import METRICS
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.logging import MMLogger
from mmengine.registry import HOOKS
from mmengine.runner import Runner

from train_teacher.core.atomic_file import replacing
from train_teacher.core.json_file import read_json
from train_teacher.mmdet_plugin.output_folder import naming
from train_teacher.scores.coco_scores import coco_results, count, mean
from train_teacher.scores.detections import Detections, in_whole_images
from train_teacher.scores.metric_names import METRIC

FOLDER = "data"
MAP_DETECTIONS = 100
DIGITS = 3
"""mmdet rounds every score; the best epoch is chosen by rounded ones."""
BEFORE, BEST = "val_detections_before.npz", "val_detections_best.npz"


@METRICS.register_module()
class TeacherCocoMetric(CocoMetric):
    """CocoMetric that counts faster and keeps its detections for the report.

    mmdet writes all detections into a JSON file and reads it back, and pycocotools counts in
    Python. The scores are the same, to mmdet's three digits.
    """

    detections: dict[str, np.ndarray] | None = None
    """`image_id` (D,), `label` (D,) from 0, `score` (D,), `box` (D, 4) xyxy in pixels."""

    def __init__(self, *args: Any, most_in_whole: int = 0, **kwargs: Any) -> None:
        """Create the metric.

        Args:
            most_in_whole: boxes kept of an image of `ann_file`, where what is looked at are its
                tiles, of the file of the same name in a folder `tiles` beside; 0: there are none.
        """
        super().__init__(*args, **kwargs)
        self._whole, self._most_in_whole = Path(kwargs.get("ann_file", "")), most_in_whole

    def compute_metrics(self, results: list[Any]) -> dict[str, float]:
        """Count as CocoMetric does, and keep what was counted."""
        predictions = [prediction for _, prediction in results]
        self.detections = _columns(predictions)
        if self._most_in_whole:
            found = self._in_whole_images(Detections(**self.detections))
            self.detections = vars(found)
            return self._count(found)
        usual = self.metrics == ["bbox"] and not self.format_only and self._coco_api is not None
        usual = usual and self.metric_items is None and MAP_DETECTIONS in self.proposal_nums
        if usual and len(self.detections["score"]):
            return self._count(Detections(**self.detections))
        if usual:
            # mmdet leaves the score out, and MMEngine's plateau raises where there is none.
            return {"bbox_mAP": 0.0}
        return dict(super().compute_metrics(results))

    def _in_whole_images(self, found: Detections) -> Detections:
        tiles = read_json(self._whole.parent / "tiles" / self._whole.name, dict[str, Any])["images"]
        corners = {t["id"]: (t["whole"], *(t["window"] or (0, 0))[:2]) for t in tiles}
        return in_whole_images(found, corners, self._most_in_whole)

    def _count(self, detections: Detections) -> dict[str, float]:
        """Return mmdet's metrics by its names (coco_metric.py:495-585)."""
        self.cat_ids = self._coco_api.get_cat_ids(cat_names=self.dataset_meta["classes"])
        self.img_ids = self._coco_api.get_img_ids()
        counting = count(
            self._coco_api.dataset,
            coco_results(detections, self.cat_ids),
            catIds=list(self.cat_ids),
            imgIds=list(self.img_ids),
            maxDets=list(self.proposal_nums),
            iouThrs=self.iou_thrs,
        )
        # (overlaps, recalls, classes, sizes, most detections an image)
        precision = counting.eval["precision"]
        scores: dict[str, float] = {}
        if self.classwise:
            for column, category in enumerate(self._coco_api.loadCats(self.cat_ids)):
                scores[f"{category['name']}_precision"] = _rounded(
                    precision[:, :, column, 0, -1], without=float("nan")
                )
        # pycocotools counts the first score with 100 detections an image, the others with the most
        # (cocoeval.py:458).
        most = counting.params.maxDets.index(MAP_DETECTIONS)
        scores["bbox_mAP"] = _rounded(precision[..., 0, most])
        for percent in (50, 75):
            at = np.isclose(self.iou_thrs, percent / 100)
            scores[f"bbox_mAP_{percent}"] = _rounded(precision[at, ..., 0, -1])
        for size, letter in enumerate("sml", start=1):
            scores[f"bbox_mAP_{letter}"] = _rounded(precision[..., size, -1])
        MMLogger.get_current_instance().info(
            ", ".join(f"{name} {value:.3f}" for name, value in scores.items())
        )
        return scores


def _rounded(precision: np.ndarray, without: float = -1.0) -> float:
    """Return the mean precision as mmdet rounds it, `without` where there is no object."""
    value = mean(precision)
    return without if value is None else round(value, DIGITS)


def _columns(predictions: Sequence[dict[str, Any]]) -> dict[str, np.ndarray]:
    def joined(key: str, kind: str, width: tuple[int, ...] = ()) -> np.ndarray:
        parts = [np.asarray(p[key], kind).reshape(-1, *width) for p in predictions]
        return np.concatenate(parts) if parts else np.empty((0, *width), kind)

    counts = [len(p["scores"]) for p in predictions]
    return {
        "image_id": np.repeat(np.array([p["img_id"] for p in predictions], np.int64), counts),
        "label": joined("labels", "i4"),
        "score": joined("scores", "f4"),
        "box": joined("bboxes", "f4", (4,)),
    }


@HOOKS.register_module()
class KeepDetectionsHook(Hook):
    """Writes the detections of the base weights, and those of the best validation so far."""

    priority = "LOWEST"

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Write what this validation detected, when it is one of the two."""
        found = _detections(runner)
        if found is None or not is_main_process():
            return
        folder = Path(runner.work_dir) / FOLDER
        folder.mkdir(exist_ok=True)
        score = float((metrics or {}).get(METRIC, 0.0))
        if runner.iter == 0:
            _write(folder / BEFORE, found, score)
        if not (folder / BEST).exists() or score > _score_of(folder / BEST):
            _write(folder / BEST, found, score)


def _detections(runner: Runner) -> dict[str, np.ndarray] | None:
    for metric in runner.val_loop.evaluator.metrics:
        if isinstance(metric, TeacherCocoMetric):
            return metric.detections
    return None


def _score_of(path: Path) -> float:
    with np.load(path) as file:
        return float(file["map"])


def _write(path: Path, found: dict[str, np.ndarray], score: float) -> None:
    members: dict[str, Any] = {"map": np.float64(score), **found}
    with naming(path), replacing(path) as partial, partial.open("wb") as file:
        np.savez_compressed(file, **members)
