"""A stopped run goes on as if it had never been stopped: kill -9, signals, damaged checkpoints."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from commands import run_command, start_command
from generated_data import make_images

CLASSES = ("red star", "blue ring")
OPTIONS = (
    *("--model", "demo", "--device", "cpu", "--batch-size", "2", "--epochs", "3"),
    *("--set", "default_hooks.logger.interval=1", "--seed", "7"),
)


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return run_command("train-teacher", *arguments)


def metrics(output: Path) -> list[dict[str, Any]]:
    try:
        lines = (output / "metrics.jsonl").read_text().splitlines()
    except FileNotFoundError:
        return []
    return [json.loads(line) for line in lines if line.endswith("}")]


def losses(output: Path) -> dict[int, float]:
    return {r["step"]: r["loss"] for r in metrics(output) if r["kind"] == "train"}


def scores(output: Path) -> dict[int, float]:
    return {r["step"]: r["coco/bbox_mAP"] for r in metrics(output) if r["kind"] == "val"}


def freeze_table(output: Path) -> str:
    table: str = json.loads((output / "results.json").read_text())["freeze_table"]
    return table


def stop_after(step: int, output: Path, number: int, arguments: Sequence[object]) -> int:
    """Start a run, send it a signal once it has done a step, and return its exit code."""
    with start_command("train-teacher", *arguments) as process:
        deadline = time.monotonic() + 300
        while max(losses(output), default=0) < step:
            assert process.poll() is None, "the run ended before it was stopped"
            assert time.monotonic() < deadline
            time.sleep(0.05)
        os.kill(process.pid, number)
        return process.wait(timeout=60)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_images(tmp_path_factory.mktemp("data"), images=18, seed=5, classes=CLASSES)


@pytest.fixture(scope="module", params=["frozen", "lora"])
def uninterrupted(
    request: pytest.FixtureRequest, data: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Path]:
    output = tmp_path_factory.mktemp("whole") / "run"
    result = run("--data", data, "--output", output, *OPTIONS, "--tune", request.param)
    assert result.returncode == 0, result.stderr
    return request.param, output


def test_after_kill_9_in_mid_epoch_the_losses_are_those_of_an_uninterrupted_run(
    uninterrupted: tuple[str, Path], data: Path, tmp_path: Path
) -> None:
    tune, whole = uninterrupted
    output = tmp_path / "run"
    per_epoch = max(losses(whole)) // 3
    new = ("--data", data, "--output", output, *OPTIONS, "--tune", tune)
    assert stop_after(per_epoch + 2, output, signal.SIGKILL, new) == -signal.SIGKILL
    result = run("--output", output, "--resume")
    assert result.returncode == 0, result.stderr
    assert "continues after epoch 1 of 3" in result.stderr
    assert freeze_table(output) == freeze_table(whole)
    assert losses(output) == losses(whole)
    assert scores(output) == scores(whole)


def test_sigterm_saves_in_mid_epoch_and_the_run_goes_on_from_that_very_step(
    uninterrupted: tuple[str, Path], data: Path, tmp_path: Path
) -> None:
    tune, whole = uninterrupted
    output = tmp_path / "run"
    per_epoch = max(losses(whole)) // 3
    new = ("--data", data, "--output", output, *OPTIONS, "--tune", tune)
    assert stop_after(per_epoch + 2, output, signal.SIGTERM, new) == 130
    before = dict(losses(output))
    seconds = max(record["elapsed"] for record in metrics(output))
    result = run("--output", output, "--resume")
    assert result.returncode == 0, result.stderr
    assert f"step {max(before)} (last.pth)" in result.stderr
    # The first start took seconds, and the second as long for what was left.
    cost = json.loads((output / "results.json").read_text())["cost"]
    assert cost["steps"] == max(losses(whole))
    assert cost["total_seconds"] > seconds > 0
    assert losses(output) == losses(whole)
    assert scores(output) == scores(whole)


@pytest.fixture(scope="module")
def stopped_once(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("stopped") / "run"
    code = stop_after(15, output, signal.SIGINT, ("--data", data, "--output", output, *OPTIONS))
    assert code == 130
    return output


@pytest.fixture
def stopped(stopped_once: Path, tmp_path: Path) -> Path:
    """A run with two checkpoints, stopped in its last epoch."""
    return Path(shutil.copytree(stopped_once, tmp_path / "run"))


def test_a_damaged_newest_checkpoint_is_told_and_the_one_before_it_used(stopped: Path) -> None:
    last = stopped / "checkpoints" / "last.pth"
    last.write_bytes(last.read_bytes()[:5000])
    result = run("--output", stopped, "--resume", "--epochs", "4")
    assert result.returncode == 0, result.stderr
    assert "last.pth: is cut off, damaged" in result.stderr
    assert "(previous.pth)" in result.stderr
    assert "epochs: 3 -> 4" in result.stderr
    assert max(scores(stopped)) == 4


def test_what_cannot_be_gone_on_with_is_refused_by_name(stopped: Path, tmp_path: Path) -> None:
    changed = run("--output", stopped, "--resume", "--lr", "0.1", "--batch-size", "3")
    assert changed.returncode == 2
    assert "lr (was" in changed.stderr
    assert "batch_size (was 2, now 3)" in changed.stderr
    nothing = run("--output", tmp_path / "nothing", "--resume")
    assert nothing.returncode == 1
    assert "holds no run" in nothing.stderr
    for name in ("last.pth", "previous.pth"):
        (stopped / "checkpoints" / name).write_bytes(b"garbage")
    damaged = run("--output", stopped, "--resume")
    assert damaged.returncode == 1
    assert "no checkpoint in" in damaged.stderr
    assert "Traceback" not in damaged.stderr
