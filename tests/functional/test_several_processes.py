"""Two processes learn what one learns with twice the batch, and end together."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from commands import run_command, start_command
from demo_model import DEMO_BASE, make_settings
from generated_data import make_images
from train_teacher.config.merge import find_base_config
from train_teacher.mmdet_plugin.checkpoints.files import read_checkpoint

PROGRAM = str(Path(sys.executable).parent / "train-teacher")
OPTIONS = (
    *("--device", "cpu", "--seed", "3"),
    *("--set", "model.dn_cfg.label_noise_scale=0.0", "--set", "model.dn_cfg.box_noise_scale=1e-6"),
    # One group of denoising queries: their number depends on the images of a process.
    *("--set", "model.dn_cfg.group_cfg.num_dn_queries=1"),
    *("--set", "default_hooks.logger.interval=1"),
)

TWO = ("--batch-size", "2", "--gpus", "2")


def command(*arguments: object) -> list[str]:
    return [PROGRAM, *(str(argument) for argument in arguments)]


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return run_command("train-teacher", *arguments)


def trained(output: Path) -> dict[str, torch.Tensor]:
    tensors: dict[str, torch.Tensor] = read_checkpoint(output / "checkpoints" / "last.pth")[
        "state_dict"
    ]
    return tensors


def trained_from(output: Path) -> dict[str, torch.Tensor]:
    base: dict[str, torch.Tensor] = torch.load(DEMO_BASE, weights_only=True)["state_dict"]
    return {name: base[name].float() for name in trained(output)}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    path = make_images(folder, images=20, seed=5, classes=("red star", "blue ring"))
    content = json.loads(path.read_text())
    # Equal sizes, and a box in each at most: how far images are padded, and the denoising queries
    # that others attend to, would otherwise depend on which images share a batch.
    boxes = {annotation["image_id"]: annotation for annotation in reversed(content["annotations"])}
    content["annotations"] = [*boxes.values()]
    from PIL import Image

    for image in content["images"]:
        file = next(folder.rglob(image["file_name"]))
        Image.open(file).convert("RGB").resize((192, 160)).save(file)
        scale = (192 / image["width"], 160 / image["height"])
        image["width"], image["height"] = 192, 160
        for annotation in content["annotations"]:
            if annotation["image_id"] == image["id"]:
                x, y, w, h = annotation["bbox"]
                box = [x * scale[0], y * scale[1], w * scale[0], h * scale[1]]
                annotation["bbox"] = [round(value, 2) for value in box]
                annotation["area"] = round(box[2] * box[3], 2)
                annotation.pop("segmentation", None)
    path.write_text(json.dumps(content))
    return path


@pytest.fixture(scope="module")
def options(data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[object, ...]:
    # Steps in proportion to the gradient: Adam's would show the sign of rounding errors.
    # Four epochs: the processes ask each other at every tenth step, if not before, whether to stop.
    recipe = tmp_path_factory.mktemp("recipe") / "sgd.yaml"
    # Backbone and encoder join at half of the run.
    stages = "tune: full\nfreeze: [language_model]\nunfreeze_at: 2\n"
    sgd = "optimizer:\n  type: SGD\nlr: 0.05\nval_interval: 4\n"
    recipe.write_text(f"extends: demo\nbase_config: plain.py\n{sgd}{stages}")
    # Each process draws its own dropout.
    base = find_base_config(make_settings().base_config)
    (recipe.parent / "plain.py").write_text(
        f"_base_ = {str(base)!r}\nmodel = dict(encoder=dict(fusion_layer_cfg=dict(dropout=0.0)),\n"
        "    backbone=dict(drop_path_rate=0.0))\n"
    )
    # The first checkpoint is then that of the end, or of what stops the run.
    late = ("--epochs", 4, "--set", "default_hooks.checkpoint.interval=4")
    return ("--data", data, "--model", recipe, "--allow-python-config", *late, *OPTIONS)


@pytest.fixture(scope="module")
def together(options: tuple[object, ...], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run of two processes."""
    output = tmp_path_factory.mktemp("together") / "run"
    result = run(*options, "--output", output, *TWO)
    assert result.returncode == 0, result.stderr
    return output


def losses(output: Path) -> dict[int, float]:
    lines = (output / "metrics.jsonl").read_text().splitlines()
    records = [json.loads(line) for line in lines]
    return {r["step"]: r["loss"] for r in records if r["kind"] == "train"}


def test_two_processes_learn_what_one_learns_with_twice_the_batch(
    options: tuple[object, ...], together: Path, tmp_path: Path
) -> None:
    one = run(*options, "--output", tmp_path / "one", "--batch-size", 4)
    assert one.returncode == 0, one.stderr
    start = trained_from(tmp_path / "one")
    alone, shared = trained(tmp_path / "one"), trained(together)
    assert alone.keys() == shared.keys()
    far = {n: float((alone[n] - shared[n]).abs().max()) for n in alone}
    moved = {n: float((alone[n] - start[n]).abs().max()) for n in alone}
    assert max(far.values()) < 1e-5 < max(moved.values()) / 100, max(far.values())
    for part in ("backbone.", "encoder."):
        assert max(moved[n] for n in alone if n.startswith(part)) > 1e-4, part
    whole, mean = losses(tmp_path / "one"), losses(together)
    assert whole.keys() == mean.keys()
    assert [mean[step] for step in whole] == pytest.approx([*whole.values()], abs=1e-4)
    assert (together / "report.html").exists()


def under_torchrun(*arguments: object) -> subprocess.CompletedProcess[str]:
    outer = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    return subprocess.run(
        [sys.executable, *outer, *command(*arguments)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"},
    )


def test_processes_that_torchrun_started_train_together_even_when_one_sees_no_box(
    tmp_path: Path, data: Path
) -> None:
    content = json.loads(data.read_text())
    few = content["images"][:4]
    keep = {image["id"] for image in few[::2]}
    content["images"] = few
    content["annotations"] = [a for a in content["annotations"] if a["image_id"] in keep]
    sparse = data.parent / "sparse.json"
    sparse.write_text(json.dumps(content))
    options = (
        *OPTIONS,
        "--epochs",
        "1",
        "--model",
        "demo",
        "--val",
        str(data),
        "--batch-size",
        "1",
    )
    result = under_torchrun("--data", sparse, "--output", tmp_path / "run", *options)
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("best weights:") == 1
    assert (tmp_path / "run" / "report.html").exists()
    assert "gpus: 2" in (tmp_path / "run" / "settings.yaml").read_text()
    assert len(losses(tmp_path / "run")) == 2


def test_when_the_first_process_refuses_the_others_end_without_a_word(
    tmp_path: Path, data: Path
) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "used").touch()
    result = under_torchrun("--data", data, "--output", tmp_path / "run", "--model", "demo")
    assert result.returncode == 1
    assert result.stderr.count("already holds a run") == 1


def test_when_the_launcher_is_killed_its_processes_end_and_the_run_goes_on_with_equal_losses(
    options: tuple[object, ...], together: Path, tmp_path: Path
) -> None:
    output = tmp_path / "run"
    metrics = output / "metrics.jsonl"
    deadline = time.monotonic() + 300
    with start_command("train-teacher", *options, "--output", output, *TWO) as process:
        while not (metrics.exists() and metrics.read_text().count('"train"') > 2):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)
    # The context has killed the launcher, and nobody else.
    saved = output / "checkpoints" / "last.pth"
    while not saved.exists():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    step = read_checkpoint(saved)["meta"]["iter"]
    lines = len(metrics.read_text().splitlines())
    time.sleep(2)
    assert len(metrics.read_text().splitlines()) == lines, "somebody still trains"
    assert len(losses(output)) < len(losses(together))
    result = run("--output", output, "--resume", "--allow-python-config")
    assert result.returncode == 0, result.stderr
    assert f"step {step}" in result.stderr
    assert "\ndevice    CPU (" in result.stderr
    assert losses(output) == losses(together)
    assert (output / "results.json").exists()


def children(process: int) -> list[int]:
    tasks = Path(f"/proc/{process}/task").glob("*/children")
    return [int(number) for task in tasks for number in task.read_text().split()]


def rank_of(process: int) -> str:
    environment = Path(f"/proc/{process}/environ").read_bytes().split(b"\0")
    return dict(entry.decode().split("=", 1) for entry in environment if entry).get("RANK", "")


def test_when_one_process_is_killed_the_run_ends_and_says_which(data: Path, tmp_path: Path) -> None:
    output = tmp_path / "run"
    recipe = tmp_path / "quick.yaml"
    recipe.write_text("extends: demo\nevaluate_before: false\npreflight: false\n")
    arguments = ("--data", data, "--model", recipe, "--output", output, *TWO)
    quick = ("--device", "cpu", "--set", "default_hooks.logger.interval=1")
    deadline = time.monotonic() + 300
    with start_command("train-teacher", *arguments, *quick) as process:
        while not ((output / "metrics.jsonl").exists() and losses(output)):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        ranks = {rank_of(child): child for child in children(process.pid)}
        os.kill(ranks["1"], signal.SIGKILL)
        result = process.finished(timeout=120)
    told = result.stderr
    assert result.returncode == 1
    assert told.count("training process 1 was killed by SIGKILL") == 1
    assert "--resume" in told
    assert "Traceback" not in told
    assert not Path(f"/proc/{ranks['0']}").exists()


@pytest.mark.parametrize("tune", ["frozen", "lora"])
def test_after_kill_9_of_all_processes_in_mid_epoch_the_losses_are_those_of_the_killed_run(
    data: Path, tmp_path: Path, tune: str
) -> None:
    """Compare with the run itself: up to the kill it is one that was never interrupted."""
    output = tmp_path / "run"
    recipe = tmp_path / "quick.yaml"
    recipe.write_text("extends: demo\nevaluate_before: false\npreflight: false\n")
    started = ("--data", data, "--model", recipe, "--output", output, *TWO, "--tune", tune)
    quick = ("--device", "cpu", "--epochs", "2", "--set", "default_hooks.logger.interval=1")
    saved = output / "checkpoints" / "last.pth"
    per_epoch, deadline = 0, time.monotonic() + 300
    with start_command("train-teacher", *started, *quick) as process:
        while not per_epoch or max(losses(output)) < per_epoch + 2:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
            if saved.exists() and not per_epoch:
                per_epoch = max(losses(output))
        for number in [*children(process.pid), process.pid]:
            os.kill(number, signal.SIGKILL)
        process.wait()
    killed = losses(output)
    result = run("--output", output, "--resume", "--allow-python-config")
    assert result.returncode == 0, result.stderr
    assert f"continues after epoch 1 of 2, step {per_epoch} " in result.stderr
    resumed = losses(output)
    assert max(resumed) == 2 * per_epoch
    assert {step: resumed[step] for step in killed} == killed
