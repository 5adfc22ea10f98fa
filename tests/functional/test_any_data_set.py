"""Any valid COCO that inspect-data accepts trains one epoch on the demo model: no crash, no NaN.

TRAIN_TEACHER_RANDOM_RUNS sets how many data sets are tried, and makes them random; without it
it is ten or a few more, always the same.
"""

from __future__ import annotations

import json
import math
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from PIL import Image

from commands import run_command
from inspected_data import inspect_data
from train_teacher.inspection.load import InspectRequest
from train_teacher.mmdet_plugin.checkpoints.files import read_checkpoint
from train_teacher.mmdet_plugin.checkpoints.spoiled import spoiled

TUNES = ("frozen", "lora", "full")
RUNS = math.ceil(int(os.environ.get("TRAIN_TEACHER_RANDOM_RUNS", "10")) / len(TUNES))
NAMES = (
    *("red star", "blue ring", "cat", "traffic light", "x", "Łódź"),
    "a very long name of a thing",
)
SIZES = (
    *((160, 120), (40, 40), (33, 257), (640, 480)),
    # The smallest side that is trained, and smaller ones that are left out.
    *((32, 32), (300, 20), (31, 64), (8, 8)),
)
LARGE = (2400, 1600)
KINDS = ("inside", "tiny", "whole", "outside")
MODES = ("RGB", "L", "RGBA")
RANDOM = settings(
    deadline=None,
    derandomize="TRAIN_TEACHER_RANDOM_RUNS" not in os.environ,
    database=None,
    # A smaller example of a failure would take one more run for each step toward it.
    phases=(Phase.generate,),
    suppress_health_check=list(HealthCheck),
)


@st.composite
def extents(draw: st.DrawFn, size: int, kinds: tuple[str, ...]) -> tuple[float, float]:
    """Draw where a box begins along one side of an image, and how long it is.

    Tiny, anything inside, the whole side, or partly outside the image.
    """
    kind = draw(st.sampled_from(kinds))
    if kind == "whole":
        return 0.0, float(size)
    shortest, longest = (1.0, 2.5) if kind == "tiny" else (size / 4, float(size))
    length = draw(st.floats(shortest, longest))
    if kind == "outside":
        start = draw(st.sampled_from((-length / 3, size - length * 2 / 3)))
    else:
        start = draw(st.floats(0, size - length))
    return round(start, 2), round(length, 2)


@st.composite
def annotations(
    draw: st.DrawFn, image: dict[str, Any], classes: int, kinds: tuple[str, ...] = KINDS
) -> dict[str, Any]:
    """Draw one object: a box alone, or with a polygon or a run-length mask."""
    x, w = draw(extents(image["width"], kinds))
    y, h = draw(extents(image["height"], kinds))
    found: dict[str, Any] = {
        "image_id": image["id"],
        "category_id": draw(st.integers(1, classes)),
        "bbox": [x, y, w, h],
        "area": round(w * h, 2),
        "iscrowd": 0,
    }
    form = draw(st.sampled_from(("box", "box", "polygon", "runs")))
    if form == "polygon":
        found["segmentation"] = [[x, y, x + w, y, x + w, y + h, x, y + h]]
    elif form == "runs":
        found["segmentation"] = runs(found["bbox"], image["width"], image["height"])
    return found


def runs(box: list[float], width: int, height: int) -> dict[str, Any]:
    """Return a box as COCO's uncompressed run lengths: columns, background first."""
    mask = np.zeros((height, width), dtype=bool)
    x, y, w, h = box
    left, top = min(max(int(x), 0), width - 1), min(max(int(y), 0), height - 1)
    mask[top : max(math.ceil(y + h), top + 1), left : max(math.ceil(x + w), left + 1)] = True
    flat = mask.ravel(order="F")
    changes = np.flatnonzero(np.diff(flat)) + 1
    counts = np.diff([0, *changes, len(flat)]).tolist()
    return {"size": [height, width], "counts": [0, *counts] if flat[0] else counts}


@st.composite
def data_sets(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a COCO data set; `mode` of an image says how it is stored."""
    classes = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True))
    # In four images that can be trained there is every class: enough for a split.
    sizes = [draw(st.sampled_from(SIZES[:4])) for _ in range(4)]
    sizes += draw(st.lists(st.sampled_from(SIZES), max_size=4))
    sizes += draw(st.sampled_from(([], [LARGE])))
    images, found = [], []
    for number, (width, height) in enumerate(sizes, 1):
        mode = draw(st.sampled_from(MODES))
        image = {"id": number, "file_name": f"{number}.png", "width": width, "height": height}
        images.append({**image, "mode": mode})
        count = draw(st.sampled_from((1, 0, 3, 60)))
        own = [draw(annotations(image, len(classes))) for _ in range(count)]
        if number > 4 and draw(st.booleans()):
            # Nothing but crowds.
            for annotation in own:
                annotation["iscrowd"] = 1
                annotation["segmentation"] = runs(annotation["bbox"], width, height)
        if number <= 4:
            own += [
                {**draw(annotations(image, len(classes), ("inside",))), "category_id": label}
                for label in range(1, len(classes) + 1)
            ]
        found += own
    for number, annotation in enumerate(found, draw(st.sampled_from((0, 1, 10_000)))):
        annotation["id"] = number
    categories = [{"id": n, "name": name} for n, name in enumerate(classes, 1)]
    return {"images": images, "annotations": found, "categories": categories}


def write(folder: Path, content: dict[str, Any]) -> Path:
    """Write the images and return the JSON."""
    for image in content["images"]:
        width, height = image["width"], image["height"]
        # Coarse where it would take long to compress.
        grain = 1 if max(width, height) < 1000 else 8
        shape = (math.ceil(height / grain), math.ceil(width / grain), 4)
        noise = np.random.default_rng(image["id"]).integers(0, 255, shape).astype(np.uint8)
        pixels = noise.repeat(grain, axis=0).repeat(grain, axis=1)[:height, :width]
        Image.fromarray(pixels).convert(image["mode"]).save(folder / image["file_name"])
    path = folder / "data.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def train(data: Path, output: Path, tune: str) -> None:
    options = ("--model", "demo", "--device", "cpu", "--epochs", "1", "--batch-size", "3")
    logged = ("--split", "0.5/0.5", "--set", "default_hooks.logger.interval=1")
    result = run_command(
        "train-teacher", "--data", data, "--output", output, "--tune", tune, *options, *logged
    )
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("tune", TUNES)
@settings(RANDOM, max_examples=RUNS)
@given(content=data_sets())
def test_a_random_data_set_trains_one_epoch(tune: str, content: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as place:
        output = Path(place) / "run"
        train(write(Path(place), content), output, tune)
        lines = (output / "metrics.jsonl").read_text().splitlines()
        records = [json.loads(line) for line in lines]
        steps = [record for record in records if record["kind"] == "train"]
        assert steps
        assert any(record["kind"] == "val" for record in records)
        for record in steps:
            losses = {name: value for name, value in record.items() if "loss" in name}
            assert "loss" in losses
            # The log writes null for what is no number.
            assert None not in losses.values(), losses
        weights = read_checkpoint(output / "checkpoints" / "last.pth")["state_dict"]
        assert weights
        assert spoiled(weights) is None


@settings(RANDOM, max_examples=10)
@given(content=data_sets())
def test_what_is_drawn_is_what_inspect_data_accepts(content: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as place:
        findings = inspect_data(InspectRequest(data=write(Path(place), content))).findings
    assert [found.message for found in findings if found.severity == "error"] == []
