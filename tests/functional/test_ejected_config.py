"""The written config in MMDetection's own tools, and a run repeated from its settings file."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from commands import run_command
from generated_data import make_images

CLASSES = ("red star", "blue ring")
OWN_PRESET = """\
extends: demo
optimizer: {type: SGD, momentum: 0.9}
schedule: cosine
augmentation: [{type: RandomFlip, prob: 0.5}, {type: PhotoMetricDistortion}]
lr: 1e-3
"""


def start(*command: object) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": ""}
    return subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        env=environment,
        timeout=300,
        check=False,
    )


def train_teacher(*arguments: object) -> subprocess.CompletedProcess[str]:
    return run_command("train-teacher", *arguments)


def tool(name: str) -> Path:
    spec = importlib.util.find_spec("mmdet")
    assert spec is not None
    assert spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0]) / ".mim" / "tools" / name


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train an own preset with another optimizer, schedule and augmentation, and two --set."""
    folder = tmp_path_factory.mktemp("ejected")
    data = make_images(folder / "data", images=24, seed=5, classes=CLASSES)
    (folder / "own.yaml").write_text(OWN_PRESET, encoding="utf-8")
    result = train_teacher(
        "--data", data, "--output", folder / "exp1", "--model", folder / "own.yaml",
        "--device", "cpu", "--batch-size", 4, "--epochs", 1,
        "--set", "model.bbox_head.loss_bbox.loss_weight=2",
        "--set", "train_dataloader.dataset.pipeline.2.prob=0.3",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert "set       model.bbox_head.loss_bbox.loss_weight = 2" in result.stderr
    return folder / "exp1"


def teacher(*arguments: object) -> subprocess.CompletedProcess[str]:
    return run_command("teacher", *arguments)


def evaluate(place: Path, *more: object) -> dict[str, Any]:
    """Return the scores of a teacher, as the command measures them."""
    result = teacher("evaluate", place, "--format", "json", *more)
    assert result.returncode == 0, result.stderr
    scores: dict[str, Any] = json.loads(result.stdout)["scores"]
    return scores


def as_a_run(run: Path, work_dir: Path, target: Path) -> Path:
    """Copy a run, with the weights that MMDetection's tool trained from its config."""
    shutil.copytree(run, target)
    shutil.copytree(work_dir / "checkpoints", target / "checkpoints", dirs_exist_ok=True)
    return target


def images_of(run: Path) -> str:
    splits = json.loads((run / "data" / "dataset_info.json").read_bytes())["splits"]
    return next(str(split["image_dir"]) for split in splits if split["name"] == "val")


def values(metrics: dict[str, Any]) -> dict[str, float]:
    return {key: value for key, value in metrics.items() if key.startswith("coco/")}


def test_mmdetections_train_tool_runs_the_written_config(run: Path, tmp_path: Path) -> None:
    config = run / "mmdet_config.py"
    before = config.read_bytes()
    result = start(sys.executable, tool("train.py"), config, "--work-dir", tmp_path / "stock")
    assert result.returncode == 0, result.stderr[-3000:]
    assert (tmp_path / "stock" / "checkpoints" / "best.pth").is_file()
    assert config.read_bytes() == before
    scored = evaluate(tmp_path / "stock", "--allow-python-config")
    assert scored == evaluate(as_a_run(run, tmp_path / "stock", tmp_path / "moved"))
    bundle = tmp_path / "bundle"
    exported = teacher("export", tmp_path / "stock", "--output", bundle, "--allow-python-config")
    assert exported.returncode == 0, exported.stderr
    assert (
        evaluate(bundle, "--data", run / "data" / "val.json", "--images", images_of(run)) == scored
    )


def test_python_in_a_work_dir_is_run_only_where_the_user_says_so(run: Path, tmp_path: Path) -> None:
    (tmp_path / "epoch_1.pth").touch()
    (tmp_path / "mmdet_config.py").write_text("raise SystemExit('was run')\n")
    told = teacher("evaluate", tmp_path)
    assert told.returncode == 1
    assert "is what MMDetection's tools/train.py leaves" in told.stderr
    assert "give --allow-python-config" in told.stderr


def test_mmdetections_test_tool_measures_what_the_run_measured(run: Path, tmp_path: Path) -> None:
    val = run / "data" / "val.json"
    result = start(
        sys.executable, "-m", "train_teacher.mmdet_plugin", tool("test.py"),
        run / "mmdet_config.py", run / "checkpoints" / "last.pth", "--work-dir", tmp_path,
        "--cfg-options", f"test_dataloader.dataset.ann_file={val}",
        f"test_evaluator.ann_file={val}",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr[-3000:]
    (written,) = tmp_path.glob("2*.json")
    lines = (run / "metrics.jsonl").read_text().splitlines()
    last = [record for line in lines if (record := json.loads(line))["kind"] == "val"][-1]
    assert last["step"] == 1
    assert values(json.loads(written.read_text())) == pytest.approx(values(last))
    (printed,) = [line for line in result.stdout.splitlines() if line.startswith("coco/bbox_mAP ")]
    assert float(printed.split()[1]) == pytest.approx(last["coco/bbox_mAP"], abs=1e-3)


def test_a_repeat_in_another_folder_differs_in_the_folder_only(run: Path, tmp_path: Path) -> None:
    again = tmp_path / "a" / "much-longer-folder-name-than-before"
    # With another hash seed than the run: the order of a set is no part of a config.
    program = Path(sys.executable).parent / "train-teacher"
    result = start(program, "--config", run / "settings.yaml", "--output", again)
    assert result.returncode == 0, result.stderr
    for name in ("mmdet_config.py", "settings.yaml", "data/train.json", "data/val.json"):
        theirs = (again / name).read_text().replace(str(again), str(run))
        assert theirs == (run / name).read_text(), name


def test_the_config_is_one_that_a_user_of_mmdetection_would_write(run: Path) -> None:
    text = (run / "mmdet_config.py").read_text()
    assert "            # set by you\n            loss_weight=2.0)" in text
    assert "# freezes exactly, keeps loaded weights\n    type='TeacherGroundingDINO'," in text
    assert "type='SGD'" in text
    assert "CosineAnnealingLR" in text
    assert text.count(f"'{run}'") == text.count(str(run)) == 1
    assert text.count("data/images/'") == text.count("'blue ring'") == 1
    assert "data_prefix=dict(img=data_root)" in text
    assert "pipeline=train_pipeline" in text
    assert text.count("pipeline=val_pipeline") == 2


def test_the_dry_run_shows_what_differs_and_why_in_80_columns(run: Path, tmp_path: Path) -> None:
    result = train_teacher(
        "--config", run / "settings.yaml", "--output", tmp_path / "exp", "--dry-run", "--diff"
    )
    assert result.returncode == 0, result.stderr
    assert "\ndevice    CPU (" in result.stderr
    shown = result.stdout.splitlines()
    assert shown[0].startswith("different from the official recipe, and why")
    assert max(len(line) for line in shown) <= 80
    text = "\n".join(shown)
    assert "  set by you\n      model.bbox_head.loss_bbox.loss_weight: 5.0 -> 2.0\n" in text
    assert "    freezes exactly, keeps loaded weights\n      model.type: 'GroundingDINO'" in text
