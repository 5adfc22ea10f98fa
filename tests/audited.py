"""Labels with known errors, and what a teacher found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from train_teacher.audit.suspects import Looked
from train_teacher.evaluation.labelled_images import LabelledImages
from train_teacher.scores.detections import ImageDetections

IMAGES, SIDE = 120, 40
NAMES = ("cat", "dog")


def looked(folder: Path = Path("images")) -> Looked:
    """Return images with a cat each; the first lacks its label, the second's says dog."""
    labels: list[dict[str, Any]] = []
    for number in range(1, IMAGES + 1):
        x = 5 + number % 9
        label = {"id": number, "original_id": 1000 + number, "image_id": number, "iscrowd": 0}
        labels.append({**label, "category_id": 1, "bbox": [x, 5, 20, 20]})
    found = np.array([label["bbox"] for label in labels], np.float64)
    found[:, 2:] += found[:, :2]
    labels[1]["category_id"] = 2
    images = [
        {"id": n, "original_id": f"i{n}", "file_name": f"{n}.jpg", "width": SIDE, "height": SIDE}
        for n in range(1, IMAGES + 1)
    ]
    categories = [{"id": n, "name": name} for n, name in enumerate(NAMES, 1)]
    content = {"images": images, "annotations": labels[1:], "categories": categories}
    return Looked(
        LabelledImages("val.json", content, folder, NAMES),
        [
            ImageDetections(SIDE, SIDE, np.zeros(1, np.int64), np.array([score]), box[None])
            for score, box in zip(np.linspace(0.9, 0.6, IMAGES), found, strict=True)
        ],
    )
