"""Any valid COCO that inspect-data accepts trains one epoch on the demo model: no crash, no NaN.

TRAIN_TEACHER_RANDOM_RUNS sets how many data sets are tried; 10 by default.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

RUNS = int(os.environ.get("TRAIN_TEACHER_RANDOM_RUNS", "10"))
PROGRAM = str(Path(sys.executable).parent / "train-teacher")
NAMES = (
    "red star",
    "blue ring",
    "cat",
    "traffic light",
    "x",
    "Łódź",
    "a very long name of a thing",
)


def make_data_set(folder: Path, seed: int) -> Path:
    """Write a random data set and return its JSON."""
    draw = random.Random(seed)
    classes = draw.sample(NAMES, draw.choice([1, 1, 2, 5]))
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number in range(1, draw.randint(4, 9)):
        width, height = draw.choice([(160, 120), (40, 40), (300, 20), (33, 257), (640, 480)])
        noise = np.random.default_rng(seed * 100 + number).integers(0, 255, (height, width, 3))
        Image.fromarray(noise.astype(np.uint8)).save(folder / f"{number}.png")
        images.append(
            {"id": number, "file_name": f"{number}.png", "width": width, "height": height}
        )
        count = 0 if number > 3 and draw.random() < 0.3 else draw.choice([1, 1, 3, 60])
        for _ in range(count):
            annotations.append(_annotation(draw, len(annotations), number, width, height, classes))
    # Every class in enough pictures for a split; and one crowd.
    for image in images[:3]:
        for label in range(len(classes)):
            annotations.append(
                {
                    **_annotation(
                        draw,
                        len(annotations),
                        image["id"],
                        image["width"],
                        image["height"],
                        classes,
                    ),
                    "category_id": label + 1,
                }
            )
    path = folder / "data.json"
    categories = [{"id": n, "name": name} for n, name in enumerate(classes, 1)]
    content = {"images": images, "annotations": annotations, "categories": categories}
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def _annotation(
    draw: random.Random, number: int, image: int, width: int, height: int, classes: list[str]
) -> dict[str, Any]:
    kind = draw.choice(["tiny", "any", "any", "whole"])
    w, h = {
        "tiny": (min(2.0, width), min(1.5, height)),
        "any": (draw.uniform(2, width), draw.uniform(2, height)),
        "whole": (float(width), float(height)),
    }[kind]
    x, y = draw.uniform(0, width - w), draw.uniform(0, height - h)
    return {
        "id": number + draw.choice([0, 1]) * 10_000 + number,
        "image_id": image,
        "category_id": draw.randint(1, len(classes)),
        "bbox": [round(x, 2), round(y, 2), round(w, 2), round(h, 2)],
        "area": round(w * h, 2),
        "iscrowd": int(draw.random() < 0.05),
    }


@pytest.mark.parametrize("seed", range(RUNS))
def test_a_random_data_set_trains_one_epoch(seed: int, tmp_path: Path) -> None:
    data = make_data_set(tmp_path, seed)
    output = tmp_path / "run"
    tune = ("frozen", "lora", "full")[seed % 3]
    options = ("--model", "demo", "--device", "cpu", "--epochs", "1", "--batch-size", "3")
    result = subprocess.run(
        [
            PROGRAM,
            "--data",
            str(data),
            "--output",
            str(output),
            *options,
            "--tune",
            tune,
            "--split",
            "0.5/0.5",
            "--seed",
            str(seed),
        ],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    records = [json.loads(line) for line in (output / "metrics.jsonl").read_text().splitlines()]
    losses = [r["loss"] for r in records if r["kind"] == "train"]
    assert all(loss is not None for loss in losses)
