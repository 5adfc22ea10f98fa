"""A run on tiles: trained, validated, evaluated and used on images that are larger than a tile."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiles import CLASSES, write_scenes

from commands import run_command
from generated_data import make_images
from train_teacher.evaluation.evaluate import EvaluateRequest, evaluate
from train_teacher.prediction.predict import PredictRequest, predict
from train_teacher.runs.edited_config import read_edited, settings_beneath
from train_teacher.teachers.export import export_teacher
from train_teacher.teachers.open import TeacherRequest, open_teacher

SIZE, SIDES = (480, 320), (26, 40)


def start(program: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    return run_command(program, *arguments, "--device", "cpu")


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train an epoch on tiles of 160 pixels, of three images."""
    work = tmp_path_factory.mktemp("tiles")
    data = write_scenes(work / "scenes", 5, seed=1, size=SIZE, objects=8, sides=SIDES)
    (work / "quick.yaml").write_text("extends: demo\nevaluate_before: false\nbatch_size: 4\n")
    result = start(
        "train-teacher", "--data", data, "--output", work / "run", "--epochs", 1, "--config",
        work / "quick.yaml", "--tile", 160, "--split", "0.6/0.2/0.2",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    (work / "plan.txt").write_text(result.stderr)
    return work


def run_of(work: Path, **options: Any) -> TeacherRequest:
    return TeacherRequest(work / "run", device="cpu", **options)


def read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text())
    return content


def test_the_plan_tells_the_tiles_and_the_disk_they_take(work: Path) -> None:
    tiles = {
        name: read(work / f"run/data/tiles/{name}.json")["images"] for name in ("train", "val")
    }
    size = sum(3 * tile["width"] * tile["height"] for each in tiles.values() for tile in each) / 1e6
    assert (
        f"tiles     {len(tiles['train'])} of 160 pixels to train on; 13 for validation, which "
        f"counts on whole images: at most {size:.0f} MB of PNG in RUN/data/tiles"
    ) in (work / "plan.txt").read_text()
    assert f"train   {len(tiles['train'])} images" in (work / "plan.txt").read_text()


def test_tiles_are_of_the_images_of_their_split_and_lie_in_the_run(work: Path) -> None:
    data = work / "run" / "data"
    images = {}
    for name in ("train", "val"):
        images[name] = {image["file_name"] for image in read(data / f"{name}.json")["images"]}
        tiles = read(data / "tiles" / f"{name}.json")["images"]
        assert len({tile["whole"] for tile in tiles}) == len(images[name])
        assert all((data / "tiles" / name / tile["file_name"]).is_file() for tile in tiles)
    assert not images["train"] & images["val"]
    assert len(list((work / "scenes").iterdir())) == 6  # nothing beside the user's images


def test_validation_in_training_is_what_evaluate_counts_on_whole_images(work: Path) -> None:
    lines = (work / "run" / "metrics.jsonl").read_text().splitlines()
    (validated,) = [record for line in lines if (record := json.loads(line))["kind"] == "val"]

    tiled, whole = (evaluate(EvaluateRequest(run_of(work, tile=t))) for t in (None, 0))

    assert tiled.num_images == 1
    assert "tiles of 160 pixels that overlap by 20%" in tiled.tiles
    assert validated["coco/bbox_mAP"] == round(tiled.scores.average_precision or 0, 3)
    assert whole.tiles == ""
    assert (tiled.scores.average_precision_50 or 0) > 2 * (whole.scores.average_precision_50 or 0)


def test_predict_uses_the_tiles_of_the_training_and_says_so(work: Path) -> None:
    photo = work / "scenes" / "scene_1_01.jpg"
    result = start(
        "teacher", "predict", work / "run", photo, "--output", work / "tiled.json",
        "--score-threshold", 0.2,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert "in tiles of 160 pixels" in result.stderr
    asked = PredictRequest(run_of(work, tile=0), (photo,), work / "whole.json", score_threshold=0.2)
    assert predict(asked).tiles == ""
    found = {name: read(work / f"{name}.json")["annotations"] for name in ("tiled", "whole")}
    labels = read(work / "scenes" / "annotations.json")["annotations"]
    truth = [label["bbox"] for label in labels if label["image_id"] == 1]

    def hits(boxes: list[dict[str, Any]]) -> int:
        # In pixels of the whole image: within 8 of where the object is.
        places = np.array([box["bbox"] for box in boxes]).reshape(-1, 1, 4)
        return int((abs(places - np.array(truth)) < 8).all(axis=2).any(axis=0).sum())

    assert hits(found["tiled"]) > len(truth) / 2
    assert hits(found["tiled"]) > hits(found["whole"])


def test_images_no_larger_than_a_tile_are_looked_at_as_ever(work: Path) -> None:
    data = make_images(work / "small", images=3, seed=2, classes=CLASSES)

    asked = [run_of(work, tile=side) for side in (0, 200)]
    without, tiled = (evaluate(EvaluateRequest(each, data=data)) for each in asked)

    assert tiled.scores == without.scores
    assert (without.scores.average_precision or 0) > 0


def test_a_bundle_remembers_the_tiles(work: Path) -> None:
    export_teacher(work / "run", work / "bundle")

    bundle = open_teacher(TeacherRequest(work / "bundle", device="cpu"))

    assert read(work / "bundle" / "teacher.json")["settings"]["tile"] == 160
    assert bundle.model.tiling == open_teacher(run_of(work)).model.tiling
    assert "tiles: images of more than 160" in (work / "bundle" / "README.md").read_text()


def test_the_config_of_a_run_leads_back_to_its_whole_images(work: Path) -> None:
    edited = read_edited(work / "run" / "mmdet_config.py", {})

    settings = settings_beneath(edited, {"output": "other"}, None)

    assert edited.run == work / "run"
    assert (settings.data, settings.tile) == (str(work / "scenes" / "annotations.json"), 160)


def test_a_base_is_scored_on_tiles_without_a_run(work: Path) -> None:
    data = work / "scenes" / "annotations.json"
    scores = [
        evaluate(
            EvaluateRequest(
                TeacherRequest(Path(), device="cpu", tile=side), model="demo", data=data
            )
        ).scores.average_precision
        for side in (0, 160)
    ]

    assert (scores[1] or 0) > (scores[0] or 0)
