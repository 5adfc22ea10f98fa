"""A config that the user edited is a run like any other, and no later command runs the file."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from commands import run_command
from generated_data import make_images


def start(command: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    return run_command(command, *arguments)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A printed config that was edited, and the run trained from it."""
    place = tmp_path_factory.mktemp("edited")
    make_images(place / "data", images=24, seed=5, classes=("red star", "blue ring"))
    data = ("--data", place / "data" / "annotations.json", "--device", "cpu", "--model", "demo")
    printed = start("train-teacher", *data, "--output", place / "exp1", "--epochs", 9, "--dry-run")
    text = printed.stdout.replace("max_epochs = 9", "max_epochs = 1")
    text = text.replace("loss_weight=5.0", "loss_weight=0.0").replace("seed = 0", "seed = 3")
    (place / "edited.py").write_text(f"{text}\nopen({str(place / 'times')!r}, 'a').write('1')\n")
    result = start(
        "train-teacher", *data, "--mmdet-config", place / "edited.py", "--output", place / "exp1"
    )
    assert result.returncode == 0, result.stderr
    return place


def losses(run: Path) -> list[dict[str, float]]:
    lines = (run / "metrics.jsonl").read_text().splitlines()
    return [record for line in lines if (record := json.loads(line))["kind"] == "train"]


def test_it_is_trained_as_the_file_says_with_a_report_and_a_copy_of_the_file(folder: Path) -> None:
    run = folder / "exp1"
    assert {step["loss_bbox"] for step in losses(run)} == {0.0}
    assert (run / "report.html").is_file()
    assert (run / "mmdet_config.edited.py").read_bytes() == (folder / "edited.py").read_bytes()
    settings = (run / "settings.yaml").read_text()
    assert f"mmdet_config: {folder / 'edited.py'}\n" in settings
    assert "\nseed: 3\n" in settings
    assert "model.bbox_head.loss_bbox.loss_weight: '0.0'" in settings


def test_it_is_resumed_evaluated_exported_and_repeated_without_the_file(folder: Path) -> None:
    run = folder / "exp1"
    ran = (folder / "times").read_text()
    for command in (
        ("train-teacher", "--resume", "--output", run, "--epochs", 2),
        ("teacher", "evaluate", run, "--split", "val"),
        ("teacher", "export", run, "--output", folder / "bundle"),
        ("train-teacher", "--config", run / "settings.yaml", "--output", "again", "--dry-run"),
    ):
        result = start(*command)
        assert result.returncode == 0, result.stderr
    assert "loss_weight=0.0" in result.stdout
    assert {step["loss_bbox"] for step in losses(run)} == {0.0}
    assert len({step["epoch"] for step in losses(run)}) == 2
    assert (folder / "times").read_text() == ran


def test_a_settings_file_cannot_have_a_python_file_run(folder: Path) -> None:
    own = folder / "own.yaml"
    own.write_text(f"extends: demo\nmmdet_config: {folder / 'edited.py'}\n")
    data = folder / "data" / "annotations.json"
    result = start("train-teacher", "--data", data, "--config", own, "--output", "x", "--dry-run")
    assert result.returncode == 2
    assert "mmdet_config is given on the command line" in result.stderr
