"""Boxes of this model's classes with onnxruntime, NumPy and Pillow alone."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from PIL import Image


class Detector:
    """The model of a folder: `Detector("folder")(PIL.Image.open("a.jpg"))`."""

    def __init__(self, folder: Any, providers: tuple[str, ...] = ("CPUExecutionProvider",)) -> None:
        """Load it; `providers` are onnxruntime's."""
        path = str(Path(folder) / "model.onnx")
        self.session = onnxruntime.InferenceSession(path, providers=list(providers))
        card = json.loads((Path(folder) / "teacher.json").read_text(encoding="utf-8"))
        self.canvas = self.session.get_inputs()[0].shape[2:]
        self.class_names, self.scale = card["class_names"], card["preprocessing"]["scale"]
        self.most = card["settings"].get("max_per_img") or 100

    def __call__(self, image: Any, threshold: float | list[float] = 0.0) -> tuple[Any, Any, Any]:
        """Return boxes (N, 4) xyxy in pixels, labels and scores (N,), best first.

        `threshold` is the least score, of all classes or of each.
        """
        boxes, labels, scores = self.detect(self.resized(image), threshold)
        return boxes * np.array([image.width, image.height] * 2, np.float32), labels, scores

    def resized(self, image: Any) -> Any:
        """Return (height, width, 3) RGB at the scale of validation; smaller where it must be."""
        sides = image.height, image.width
        # Rounded down, as MMDetection does.
        factor = min(max(self.scale) / max(sides), min(self.scale) / min(sides))
        factor = min(factor, (self.canvas[0] + 0.99) / sides[0], (self.canvas[1] + 0.99) / sides[1])
        height, width = (max(1, int(side * factor)) for side in sides)
        return np.asarray(image.convert("RGB").resize((width, height), Image.Resampling.BILINEAR))

    def inputs(self, pixels: Any) -> dict[str, Any]:
        """Return what the model takes for (height, width, 3) RGB, in the corner of its canvas."""
        height, width = pixels.shape[:2]
        image, mask = np.zeros((1, 3, *self.canvas)), np.zeros((1, *self.canvas))
        image[0, :, :height, :width], mask[0, :height, :width] = pixels.transpose(2, 0, 1), 1
        return {"image": image.astype(np.float32), "mask": mask.astype(np.float32)}

    def detect(self, pixels: Any, threshold: float | list[float] = 0.0) -> tuple[Any, Any, Any]:
        """Return boxes in shares of the pixels' sides, labels and scores, best first."""
        boxes, scores = self.session.run(["boxes", "scores"], self.inputs(pixels))
        best = np.argsort(-scores.ravel(), kind="stable")[: self.most]
        best_scores, labels = scores.ravel()[best], best % scores.shape[1]
        kept = best_scores >= np.broadcast_to(threshold, scores.shape[1])[labels]
        return boxes[best[kept] // scores.shape[1]], labels[kept], best_scores[kept]
