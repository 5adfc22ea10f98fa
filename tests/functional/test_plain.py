"""Runs in MMDetection's own types, and on its own modules, beside the accelerated one."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from commands import run_command
from generated_data import make_images

CLASSES = ("red star", "blue ring")
ALLOW = "--allow-python-config"
WITHOUT_US = '''\
"""Runs a script where train_teacher is not installed, and mmcv has its compiled ops or none."""
import importlib, runpy, sys
from importlib.machinery import ModuleSpec
from types import ModuleType

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "train_teacher":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

class Ops(ModuleType):
    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return None

sys.meta_path.insert(0, Missing())
try:
    importlib.import_module("mmcv._ext")
except ModuleNotFoundError:
    sys.modules["mmcv._ext"] = Ops("mmcv._ext")
    sys.modules["mmcv._ext"].__spec__ = ModuleSpec("mmcv._ext", loader=None)
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
'''


def start(*command: object, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": "", **more}
    return subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        env=environment,
        timeout=300,
        check=False,
    )


def ours(name: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    return run_command(name, *arguments)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train one epoch in each of the three ways."""
    folder = tmp_path_factory.mktemp("three")
    data = make_images(folder / "data", images=24, seed=5, classes=CLASSES)
    (folder / "own.yaml").write_text("accelerated: false\n", encoding="utf-8")
    for name, more in {
        "plain": ["--plain"],
        "own": ["--config", folder / "own.yaml"],
        "accelerated": [],
    }.items():
        result = ours(
            "train-teacher", "--data", data, "--output", folder / name, "--model", "demo",
            "--device", "cpu", "--batch-size", 4, "--epochs", 1, *more,
        )  # fmt: skip
        assert result.returncode == 0, result.stderr[-3000:]
        (folder / f"{name}.out").write_text(result.stdout)
        (folder / f"{name}.err").write_text(result.stderr)
    return folder


@pytest.mark.parametrize(
    ("name", "modules"),
    [("plain", "plain"), ("own", "own modules"), ("accelerated", "accelerated")],
)
def test_a_run_says_which_of_the_three_it_was(folder: Path, name: str, modules: str) -> None:
    assert f"modules: {modules}\n" in (folder / f"{name}.out").read_text()
    assert json.loads((folder / name / "results.json").read_bytes())["modules"] == modules
    assert f", {modules}, trained on" in (folder / name / "report.html").read_text()


def test_the_start_names_what_is_exchanged_as_the_config_does(folder: Path) -> None:
    assert (
        "accelerated, with equal results: attention, def"
        in (folder / "accelerated.err").read_text()
    )
    assert "own modules: MMDetection's, none of them" in (folder / "own.err").read_text()
    assert "accelerated=[])" in (folder / "own" / "mmdet_config.py").read_text()
    assert "of 0: its dropout stays on," in (folder / "plain.err").read_text()


def test_a_plain_run_leaves_a_run_folder_and_nothing_of_mmengines(folder: Path) -> None:
    run = folder / "plain"
    assert sorted(path.name for path in (run / "checkpoints").iterdir()) == ["best.pth", "last.pth"]
    assert not [path for path in run.iterdir() if path.name.startswith(("20", "epoch_", "best_"))]
    kinds = [json.loads(line)["kind"] for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert kinds == ["train"] * 5 + ["val"]
    assert "Epoch(train)" in (run / "train.log").read_text()
    cost = json.loads((run / "results.json").read_bytes())["cost"]
    assert cost["total_seconds"] >= cost["steps"] * cost["step_seconds"]


def test_the_tools_run_a_plain_config_where_train_teacher_is_not_installed(
    folder: Path, tmp_path: Path
) -> None:
    run, without = folder / "plain", tmp_path / "without.py"
    without.write_text(WITHOUT_US, encoding="utf-8")
    tools = Path(importlib.util.find_spec("mmdet").submodule_search_locations[0]) / ".mim/tools"
    assert "No module named 'train_teacher'" in start(
        sys.executable, without, tools / "train.py", folder / "own" / "mmdet_config.py",
        "--work-dir", tmp_path / "own",
    ).stderr  # fmt: skip
    # MMEngine 0.10.7 reads its own checkpoints so, from PyTorch 2.6 on.
    trust = {"TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD": "1"}
    stock = tmp_path / "stock"
    config = run / "mmdet_config.py"
    result = start(
        sys.executable, without, tools / "train.py", config, "--work-dir", stock, **trust
    )
    assert result.returncode == 0, result.stderr[-3000:]
    result = start(
        sys.executable, without, tools / "test.py", config, stock / "epoch_1.pth",
        "--work-dir", tmp_path / "test", **trust,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr[-3000:]
    (written,) = (tmp_path / "test").rglob("2*.json")
    measured = json.loads(written.read_text())
    result = ours("teacher", "evaluate", stock, "--split", "test", "--format", "json", ALLOW)
    assert result.returncode == 0, result.stderr[-3000:]
    scores = json.loads(result.stdout)["scores"]
    assert scores["average_precision"] == pytest.approx(measured["coco/bbox_mAP"], abs=1e-3)


def test_the_dry_run_prints_the_config_that_a_plain_run_is_made_of(
    folder: Path, tmp_path: Path
) -> None:
    moved = tmp_path / "again"
    result = ours("train-teacher", "--config", folder / "plain" / "settings.yaml", "--output",
                  moved, "--dry-run")  # fmt: skip
    assert result.returncode == 0, result.stderr
    expected = (folder / "plain" / "mmdet_config.py").read_text()
    assert result.stdout.replace(str(moved), str(folder / "plain")) == expected


def test_a_comparison_puts_plain_beside_ours(folder: Path) -> None:
    result = ours("teacher", "compare", folder / "plain", folder / "own", folder / "accelerated")
    assert result.returncode == 0, result.stderr
    for row in ("box mAP best", "a step took", "time in all", "best.pth", "plain "):
        assert row in result.stdout
    plain, own = ((folder / n / "checkpoints/best.pth").stat().st_size for n in ("plain", "own"))
    assert own < plain


def test_a_plain_teacher_is_evaluated_as_it_was_validated(folder: Path) -> None:
    result = ours("teacher", "evaluate", folder / "plain", "--split", "val")
    assert result.returncode == 0, result.stderr
    best = json.loads((folder / "plain" / "results.json").read_bytes())["summary"]["best"]
    assert f"mAP {best['map']:.3f}" in result.stdout


def test_plain_processes_on_a_cpu_are_refused_before_anything_is_written(
    folder: Path, tmp_path: Path
) -> None:
    result = ours(
        "train-teacher", "--config", folder / "plain" / "settings.yaml", "--output", tmp_path / "x",
        "--gpus", 2,
    )  # fmt: skip
    assert result.returncode == 2
    assert "--plain --gpus 2: MMEngine's own Runner joins processes on GPUs only" in result.stderr
    assert not (tmp_path / "x").exists()


def test_a_plain_run_is_not_resumed_and_says_why(folder: Path) -> None:
    result = ours("train-teacher", "--resume", "--output", folder / "plain", "--epochs", 2)
    assert result.returncode == 1
    assert "was trained with --plain: MMEngine's own checkpoints hold" in result.stderr


def test_a_run_on_own_modules_is_resumed(folder: Path) -> None:
    result = ours("train-teacher", "--resume", "--output", folder / "own", "--epochs", 2)
    assert result.returncode == 0, result.stderr[-3000:]
    assert "proof: all 119 frozen tensors are bit-identical" in result.stderr
