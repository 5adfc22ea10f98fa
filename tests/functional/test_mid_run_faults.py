"""Faults while a run trains: it continues or stops with the file named, and loses nothing.

In this process, so that a fault can be planted where it would happen.
"""

from __future__ import annotations

import errno
import json
import pickle
import random
import shutil
import socket
import sys
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from mmengine.logging import MessageHub, MMLogger

from generated_data import make_images
from train_teacher.cli import main
from train_teacher.mmdet_plugin.loop.train_loop import IMAGES_AT_ONCE, TeacherTrainLoop
from train_teacher.mmdet_plugin.model.detector import TeacherGroundingDINO
from train_teacher.mmdet_plugin.startup import hook
from train_teacher.training import run as training_run

IMAGES, BATCH = 14, 4
STEPS = 3


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    return make_images(folder, images=IMAGES, seed=5, classes=("red star", "blue ring"))


@pytest.fixture(autouse=True)
def preflight_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compare, in every run here, what is there before and after the preflight, bit for bit."""
    rehearse = hook._rehearse

    def watched(runner: Any) -> None:
        before = state_of(runner)
        rehearse(runner)
        assert state_of(runner) == before

    monkeypatch.setattr(hook, "_rehearse", watched)


def state_of(runner: Any) -> dict[str, bytes]:
    wrapper, metric = runner.optim_wrapper, runner.val_loop.evaluator.metrics[0]
    parts = {
        "weights": {name: t.clone() for name, t in runner.model.state_dict().items()},
        "gradients": [p.grad for p in runner.model.parameters()],
        "optimizer": wrapper.optimizer.state_dict(),
        "wrapper": (wrapper.inner_count, wrapper._max_counts, wrapper._accumulative_counts),
        "random": (random.getstate(), np.random.get_state(), torch.get_rng_state()),
        "logged": sorted(runner.message_hub.log_scalars),
        "metric": (metric.img_ids, metric.cat_ids, metric.results, metric.detections),
        "scales": [repr(t) for t in runner.train_dataloader.dataset.dataset.pipeline.transforms],
    }
    return {name: pickle.dumps(torch_free(value)) for name, value in parts.items()}


def torch_free(value: Any) -> Any:
    """Return a value in which every tensor has become its bytes."""
    if isinstance(value, torch.Tensor):
        return value.numpy().tobytes()
    if isinstance(value, dict):
        return {name: torch_free(item) for name, item in value.items()}
    return [torch_free(item) for item in value] if isinstance(value, (list, tuple)) else value


@pytest.fixture(autouse=True)
def nothing_asks_the_network(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Take the network away from every run here, and see that none asked for it."""
    asked: list[str] = []

    def gone(host: object, *_: object, **__: object) -> None:
        asked.append(str(host))
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", gone)
    monkeypatch.setattr(socket.socket, "connect", lambda _, address: gone(address))
    yield
    assert not asked


@pytest.fixture
def run(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str]]:
    """Return what runs `train-teacher` here and gives its exit code and stderr."""
    from mmdet.visualization import DetLocalVisualizer

    for lasting in (MMLogger, MessageHub, DetLocalVisualizer):
        # A process makes one run; MMEngine keeps what it logs with for the rest of it.
        monkeypatch.setattr(lasting, "_instance_dict", OrderedDict())
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("extends: demo\nevaluate_before: false\n")

    def run_it(*arguments: str) -> tuple[int, str]:
        options = ("--data", str(data), "--output", str(tmp_path / "run"), "--model", str(recipe))
        quick = ("--device", "cpu", "--batch-size", str(BATCH), "--seed", "3")
        logged = ("--set", "default_hooks.logger.interval=1")
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
        monkeypatch.setattr(sys, "argv", ["train-teacher", *options, *quick, *logged, *arguments])
        with pytest.raises(SystemExit) as stop:
            main.train_teacher()
        return int(stop.value.code or 0), capsys.readouterr().err

    return run_it


def at_step(monkeypatch: pytest.MonkeyPatch, step: int, act: Callable[[], None]) -> None:
    """Let something happen when a step of the run begins."""
    run_iter = TeacherTrainLoop.run_iter

    def acting(loop: TeacherTrainLoop, idx: int, data_batch: Any) -> None:
        if loop.iter + 1 == step:
            act()
        run_iter(loop, idx, data_batch)

    monkeypatch.setattr(TeacherTrainLoop, "run_iter", acting)


def memory_for(monkeypatch: pytest.MonkeyPatch, images: int) -> None:
    """Let the model run out of memory with more images at once."""
    loss = TeacherGroundingDINO.loss

    def limited(model: Any, batch_inputs: Any, batch_data_samples: Any) -> Any:
        if len(batch_inputs) > images:
            raise torch.cuda.OutOfMemoryError
        return loss(model, batch_inputs, batch_data_samples)

    monkeypatch.setattr(TeacherGroundingDINO, "loss", limited)


def test_out_of_memory_halves_what_goes_through_at_once_and_the_run_ends_as_planned(
    run: Callable[..., tuple[int, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_step(monkeypatch, 2, lambda: memory_for(monkeypatch, images=2))
    code, told = run("--epochs", "1")
    assert code == 0, told
    message = "out of memory with 4 images at once: going on with 2 at once and 2 parts"
    assert message in told
    assert message in (tmp_path / "run" / "train.log").read_text()
    lines = [json.loads(x) for x in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert [record["step"] for record in lines if record["kind"] == "train"] == [1, 2, 3]
    last = torch.load(tmp_path / "run" / "checkpoints" / "last.pth", weights_only=False)
    assert {int(state["step"]) for state in last["optimizer"]["state"].values()} == {STEPS}
    assert last["message_hub"]["runtime_info"][IMAGES_AT_ONCE] == 2


def test_a_gradient_that_is_no_number_changes_no_weight_and_no_checkpoint(
    run: Callable[..., tuple[int, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before: list[bytes] = []
    last = tmp_path / "run" / "checkpoints" / "last.pth"
    loss = TeacherGroundingDINO.loss

    def spoil() -> None:
        before.append(last.read_bytes())

        def infinite(model: Any, *batch: Any) -> Any:
            parameter = next(p for p in model.parameters() if p.requires_grad)
            parameter.register_hook(lambda gradient: gradient * float("inf"))
            return loss(model, *batch)

        monkeypatch.setattr(TeacherGroundingDINO, "loss", infinite)

    # The last step of an epoch: a checkpoint is written after it.
    at_step(monkeypatch, 2 * STEPS, spoil)
    code, told = run("--epochs", "2")
    assert code == 1, told
    assert f"the gradient of step {2 * STEPS} is not finite" in told
    assert "Images of the step: " in told
    assert "(id " in told
    assert [last.read_bytes()] == before


def test_weights_that_a_huge_rate_spoiled_stop_the_run_with_the_images_of_the_step(
    run: Callable[..., tuple[int, str]], tmp_path: Path
) -> None:
    code, told = run("--epochs", "2", "--lr", "1e20")
    assert code == 1, told
    assert "Images of the step: " in told
    assert "(id " in told
    assert "a learning rate that is too high" in told
    assert "losses of the step before: loss = " in told or "is not a number: loss = " in told
    assert not list((tmp_path / "run" / "checkpoints").glob("*.pth"))


def test_an_output_folder_that_is_removed_stops_the_run_with_the_file_that_was_to_be_written(
    run: Callable[..., tuple[int, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_step(monkeypatch, 2, lambda: shutil.rmtree(tmp_path / "run"))
    code, told = run("--epochs", "1")
    assert code == 1, told
    assert f"{tmp_path / 'run' / 'metrics.jsonl'}: cannot be written: the folder" in told
    assert "was removed or renamed" in told
    assert "Traceback" not in told
    assert not (tmp_path / "run").exists()


def test_a_disk_that_fills_up_stops_the_run_and_leaves_the_checkpoint_before(
    run: Callable[..., tuple[int, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoints = tmp_path / "run" / "checkpoints"
    before: list[bytes] = []

    def fill() -> None:
        before.append((checkpoints / "last.pth").read_bytes())

        def full(*_: Any) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(torch, "save", full)

    at_step(monkeypatch, STEPS + 1, fill)
    code, told = run("--epochs", "2")
    assert code == 1, told
    assert f"{checkpoints / 'last.pth'}: cannot be written: No space left" in told
    assert "Traceback" not in told
    assert [(checkpoints / "last.pth").read_bytes()] == before
    assert not list(checkpoints.glob(".*"))


def test_what_would_fail_later_fails_before_the_first_step_and_the_command_can_be_repeated(
    run: Callable[..., tuple[int, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_small(*_: Any, **__: Any) -> None:
        raise RuntimeError("selected index k out of range")

    with monkeypatch.context() as fault:
        fault.setattr(TeacherGroundingDINO, "predict", too_small)
        code, told = run("--epochs", "1")
    assert code == 1, told
    assert "fewer positions than the model has queries" in told
    assert "What to do: larger `train_scales` and `val_scale`" in told
    assert not (tmp_path / "run").exists()
    Path(told.rpartition("Details (too-few-positions): ")[2].strip()).unlink()
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=50_000_000))
    code, told = run("--epochs", "1")
    assert code == 1, told
    assert "writes up to 187 MB" in told
    assert "50 MB are free" in told
    assert not (tmp_path / "run").exists()


def test_a_known_failure_in_mid_run_is_one_message_and_its_traceback_is_in_the_log(
    run: Callable[..., tuple[int, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    at_step(monkeypatch, 2, fail)
    code, told = run("--epochs", "1")
    assert code == 1, told
    assert "error: a computation on the GPU used an index out of its range" in told
    assert "Traceback" not in told
    log = tmp_path / "run" / "train.log"
    assert str(log) in told
    assert "Traceback (most recent call last)" in log.read_text()


def losses(output: Path) -> dict[int, float]:
    records = [json.loads(line) for line in (output / "metrics.jsonl").read_text().splitlines()]
    return {record["step"]: record["loss"] for record in records if record["kind"] == "train"}


def test_a_checkpoint_between_two_batches_of_an_optimizer_step_loses_neither(
    run: Callable[..., tuple[int, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (tmp_path / "recipe.yaml").open("a") as recipe:
        recipe.write("accumulation: 2\n")
    code, told = run("--epochs", "2")
    assert code == 0, told
    (tmp_path / "run").rename(tmp_path / "whole")

    def kill() -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as fault:
        at_step(fault, STEPS + 2, kill)
        assert run("--epochs", "2")[0] == 130
    assert STEPS % 2
    code, told = run("--resume")
    assert code == 0, told
    assert f"step {STEPS}" in told
    assert losses(tmp_path / "run") == losses(tmp_path / "whole")


def test_a_run_killed_in_its_last_validation_and_again_before_its_results_can_be_completed(
    run: Callable[..., tuple[int, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def kill(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    output = tmp_path / "run"
    with monkeypatch.context() as fault:
        fault.setattr(TeacherTrainLoop, "_validate", kill)
        assert run("--epochs", "1")[0] == 130
    with monkeypatch.context() as fault:
        fault.setattr(training_run, "write_run_results", kill)
        code, told = run("--resume")
        assert code == 130
        assert "all 1 epochs are trained; what is left is the last validation" in told
    assert not (output / "results.json").exists()
    code, told = run("--resume")
    assert code == 0, told
    lines = [json.loads(line) for line in (output / "metrics.jsonl").read_text().splitlines()]
    assert [(r["kind"], r["step"]) for r in lines] == [
        *(("train", n) for n in (1, 2, 3)),
        ("val", 1),
    ]
    assert json.loads((output / "results.json").read_text())["summary"]["last"]["epoch"] == 1
    code, told = run("--resume")
    assert code == 1
    assert "has finished its 1 epochs" in told
