"""1,200 classes: far more than one prompt holds."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from commands import run_command
from demo_model import DEMO_BASE
from oracle import load_config, score_perfect_detector, truth_of

CLASSES = 1200
TRAIN_IMAGES, VAL_IMAGES = 12, 4
SIDE, CELL = 160, 8


def class_names() -> list[str]:
    words = (DEMO_BASE.parent / "language_model" / "vocab.txt").read_text().split()
    words = [word for word in words[words.index("small") :] if word.isalpha()]
    return [f"{first} {second}" for first in words[:30] for second in words[30:]][:CLASSES]


def write(folder: Path, names: Sequence[str], images: int) -> Path:
    """Write images of small squares in which every class is once, ids from 0."""
    rng = random.Random(images)
    (folder / "images").mkdir(parents=True)
    per_image = len(names) // images
    content: dict[str, Any] = {
        "images": [],
        "annotations": [],
        "categories": [{"id": i, "name": name} for i, name in enumerate(names)],
    }
    for number in range(images):
        image = Image.new("RGB", (SIDE, SIDE), (90, 90, 90))
        for place in range(per_image):
            x, y = place * CELL % SIDE, place * CELL // SIDE * CELL
            colour = tuple(rng.randrange(256) for _ in range(3))
            image.paste(colour, (x, y, x + CELL - 1, y + CELL - 1))
            label = number * per_image + place
            content["annotations"].append(
                {
                    "id": label,
                    "image_id": number,
                    "category_id": label,
                    "bbox": [x, y, CELL - 1, CELL - 1],
                    "area": (CELL - 1) ** 2,
                    "iscrowd": 0,
                }
            )
        name = f"{number}.png"
        image.save(folder / "images" / name)
        content["images"].append({"id": number, "file_name": name, "width": SIDE, "height": SIDE})
    path = folder / "data.json"
    path.write_text(json.dumps(content))
    return path


@pytest.fixture(scope="module")
def val(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("val"), class_names()[::-1], VAL_IMAGES)


@pytest.fixture(scope="module")
def run(val: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = write(tmp_path_factory.mktemp("train"), class_names(), TRAIN_IMAGES)
    output = tmp_path_factory.mktemp("runs") / "exp"
    settings = output.with_name("settings.yaml")
    settings.write_text("evaluate_before: false\nepochs: 1\nbatch_size: 4\n")
    paths = ["--data", data, "--val", val, "--output", output, "--config", settings]
    result = run_command("train-teacher", *paths, "--model", "demo", "--device", "cpu")
    assert result.returncode == 0, result.stderr
    return output


def records(run: Path, kind: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [line for line in lines if line["kind"] == kind]


def test_every_one_of_1200_classes_is_scored_under_its_name(run: Path) -> None:
    (validation,) = records(run, "val")
    scores = [validation[f"coco/{name}_precision"] for name in class_names()]
    assert all(score is not None and 0 <= score <= 1 for score in scores)


def test_no_loss_of_1200_classes_is_nan(run: Path) -> None:
    losses = [v for line in records(run, "train") for k, v in line.items() if "loss" in k]
    assert losses
    assert all(loss is not None and math.isfinite(loss) for loss in losses)


def test_a_perfect_detector_of_1200_classes_scores_one_in_each(run: Path, val: Path) -> None:
    scores = score_perfect_detector(load_config(run), truth_of(val))
    assert {scores[f"coco/{name}_precision"] for name in class_names()} == {1.0}
    assert scores["coco/bbox_mAP"] == 1.0


def test_every_box_of_1200_classes_is_trained_from_the_odvg_files(run: Path) -> None:
    config = load_config(run)
    from mmdet.registry import DATASETS

    outer = config.train_dataloader.dataset
    dataset = outer.get("dataset", outer)
    assert dataset.type == "ODVGDataset"
    dataset.pipeline = []
    loaded = DATASETS.build(dataset)
    labels = [
        box["bbox_label"]
        for i in range(len(loaded))
        for box in loaded.get_data_info(i)["instances"]
    ]
    assert sorted(labels) == list(range(CLASSES))
    assert json.loads((run / "data" / "label_map.json").read_text()) == {
        str(label): name for label, name in enumerate(class_names())
    }


def test_every_one_of_1200_classes_has_tokens_in_exactly_one_prompt(run: Path) -> None:
    from mmdet.registry import MODELS

    config = load_config(run)
    model = MODELS.build(config.model).eval()
    prompts = model.get_tokens_positive_and_prompts_chunked(class_names())
    label_tokens, captions, _, entities = prompts
    assert [name for part in entities for name in part] == class_names()
    assert all(tokens for part in label_tokens for tokens in part.values())
    assert max(len(model.language_model.tokenizer(text)["input_ids"]) for text in captions) <= 256
    assert max(len(part) for part in entities) <= config.model.test_cfg.chunked_size
