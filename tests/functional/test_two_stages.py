"""A plateau, parts that join at it and an early end: as set, and the same after every kill."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from demo_model import DEMO_BASE
from generated_data import make_images
from killed_commands import (
    KILLED,
    Commands,
    die_after_validation,
    die_in_epoch,
    nothing_needed,
)
from train_teacher.mmdet_plugin.checkpoints.files import read_checkpoint

# The rate is so small that the score stays as it is, and the plateau comes at once. Of the three
# batches of an epoch two make a step: at the change one is half made.
RECIPE = """
extends: demo
tune: full
schedule: plateau
unfreeze_at: plateau
language_model_lr_factor: 0.2
lr: 2e-7
backbone_lr_factor: 1.0
weight_decay: 0.05
accumulation: 2
early_stopping: 9
evaluate_before: false
preflight: false
image_scale: 128
"""
FALL, END = 7, 10
"""The first validation always is a gain; six without one make a plateau, nine the end."""
WAITING = ("backbone.", "encoder.")


def records(run: Path, kind: str) -> list[dict[str, Any]]:
    lines = map(json.loads, (run / "metrics.jsonl").read_text().splitlines())
    return [line for line in lines if line["kind"] == kind]


def numbers(run: Path) -> list[tuple[float | None, ...]]:
    return [
        tuple(r.get(k) for k in ("step", "loss", "lr", "grad_norm")) for r in records(run, "train")
    ]


def last(run: Path) -> dict[str, Any]:
    return read_checkpoint(run / "checkpoints" / "last.pth")


def proof(run: Path) -> str:
    told: str = json.loads((run / "results.json").read_text())["freeze_table"]
    return told


@pytest.fixture(scope="module")
def training(tmp_path_factory: pytest.TempPathFactory) -> tuple[object, ...]:
    folder = tmp_path_factory.mktemp("data")
    data = make_images(folder, images=8, seed=5, classes=("red star", "blue ring"))
    recipe = folder / "recipe.yaml"
    recipe.write_text(RECIPE)
    options = ("--device", "cpu", "--epochs", 20, "--batch-size", 2, "--seed", 3)
    # So small a rate is under the floor.
    more = ("default_hooks.logger.interval=1", "param_scheduler.1.min_value=0.0")
    changed = (word for value in more for word in ("--set", value))
    return ("train-teacher", "--data", data, "--model", recipe, *options, *changed)


@pytest.fixture(scope="module")
def whole(
    commands: Commands, training: tuple[Any, ...], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Return a run that nothing interrupted."""
    return commands.uninterrupted(tmp_path_factory.mktemp("whole") / "run", *training)


def test_the_rate_is_halved_parts_join_and_the_run_ends_early(whole: Path) -> None:
    rates = {r["epoch"]: r["lr"] for r in records(whole, "train")}
    assert rates[2] == rates[FALL] == pytest.approx(2e-7)
    assert rates[FALL + 1] == rates[END] == pytest.approx(1e-7)
    assert [r["step"] for r in records(whole, "val")] == [*range(1, END + 1)]
    log = (whole / "train.log").read_text()
    assert log.count(f"after epoch {FALL}: mAP has stopped rising") == 1
    assert log.count(f"after epoch {FALL}: what is trained now includes backbone and encoder") == 1
    assert f"since epoch {FALL + 1}" in proof(whole)
    assert f"were frozen, and bit-identical, until after epoch {FALL}" in proof(whole)


def test_stopped_before_at_and_after_the_change_the_run_goes_on_as_if_it_had_not_been(
    commands: Commands, training: tuple[Any, ...], whole: Path, tmp_path: Path
) -> None:
    output = tmp_path / "run"
    base = torch.load(DEMO_BASE, weights_only=True)["state_dict"]
    command: tuple[Any, ...] = (*training, "--output", output)
    moments = {
        2: partial(die_in_epoch, 3),
        FALL: partial(die_after_validation, FALL),
        FALL + 1: partial(die_in_epoch, FALL + 2),
    }
    for epochs, die in moments.items():
        assert commands.prepared(die).kill(0, output, *command) == KILLED
        saved = last(output)
        assert saved["meta"]["epoch"] == epochs
        assert ("gradients" in saved) == (epochs == FALL)
        # What has been trained is in the file, and nothing else.
        joined = {n: t for n, t in saved["state_dict"].items() if n.startswith(WAITING)}
        assert bool(joined) == (epochs > FALL)
        assert all(not torch.equal(t, base[n].float()) for n, t in joined.items() if t.numel())
        command = ("train-teacher", "--output", output, "--resume")
    commands.prepared(nothing_needed).run(output, *command)
    assert numbers(output) == numbers(whole)
    assert [r["coco/bbox_mAP"] for r in records(output, "val")] == [
        r["coco/bbox_mAP"] for r in records(whole, "val")
    ]
    # In the two epochs after the last start a tensor near 1 does not move at such a rate.
    (table, told), (whole_table, _) = (proof(run).split("proof:") for run in (output, whole))
    assert table == whole_table
    assert f"were frozen, and bit-identical, until after epoch {FALL}" in told
    ours, theirs = last(output)["state_dict"], last(whole)["state_dict"]
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
