"""kill -9 in the middle of an epoch, then going on: as if nothing had happened."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from generated_data import make_pictures
from train_teacher.adapters import run_folder
from train_teacher.adapters.atomic_file import write_atomically
from train_teacher.application.train_teacher import plan_training, read_layers
from train_teacher.mmdet_plugin.checkpoint_files import read_checkpoint

CLASSES = ("red star", "blue ring")
EPOCHS = 3
KILLED_AT = 7  # the second step of epoch 3: an epoch has three

# Trains, notes the loss of every step, and may kill itself like an out-of-memory killer would.
PROGRAM = """
import json, os, signal, sys
from pathlib import Path
from mmengine.hooks import Hook
from train_teacher.adapters.mmengine_runner import load_config
from mmengine.registry import RUNNERS
import torch

torch.set_num_threads(1)
config, work, losses, kill_at, resume, ema = sys.argv[1:]
cfg = load_config(Path(config))
cfg.work_dir = work
cfg.resume = resume == "True"
if ema == "True":
    cfg.custom_hooks.append(dict(type="EMAHook"))
runner = RUNNERS.build(cfg)

class Notes(Hook):
    priority = "VERY_HIGH"
    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if runner.iter == int(kill_at):
            os.kill(os.getpid(), signal.SIGKILL)
    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        with open(losses, "a") as file:
            file.write(json.dumps([runner.iter, float(outputs["loss"])]) + "\\n")

runner.register_hook(Notes())
runner.train()
"""


def start(
    config: Path, work: Path, *, kill_at: int = -1, resume: bool = False, ema: bool = False
) -> subprocess.CompletedProcess[str]:
    arguments = [config, work, work.with_suffix(".losses"), kill_at, resume, ema]
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROGRAM, *(str(a) for a in arguments)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "", "HF_HUB_OFFLINE": "1"},
    )


def losses(work: Path) -> dict[int, float]:
    """Return the loss by step; a step that was made again counts the second time."""
    lines = work.with_suffix(".losses").read_text().splitlines()
    return dict(json.loads(line) for line in lines)


def write_run(data: Path, folder: Path, tune: str, **values: Any) -> Path:
    """Write everything that a run needs, and return its config."""
    given = {"data": str(data), "output": str(folder), "model": "demo", "device": "cpu"}
    given |= {"tune": tune, "epochs": EPOCHS, "batch_size": 4, "evaluate_before": False, **values}
    plan = plan_training(read_layers(given, None))
    run_folder.create(plan.folder)
    plan.manager.write_splits(plan.folder.data)
    write_atomically(plan.folder.config, plan.config_text)
    return plan.folder.config


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_pictures(tmp_path_factory.mktemp("data"), images=17, seed=5, classes=CLASSES)


@pytest.mark.parametrize(
    ("tune", "values", "ema"),
    [("lora", {"lora_dropout": 0.1}, False), ("frozen", {"workers": 2}, True)],
    ids=["lora with dropout", "frozen with loader processes and EMA"],
)
def test_a_killed_run_goes_on_with_the_losses_of_an_unbroken_one(
    data: Path, tmp_path: Path, tune: str, values: dict[str, Any], ema: bool
) -> None:
    config = write_run(data, tmp_path / "plan", tune, **values)
    whole = start(config, tmp_path / "whole", ema=ema)
    assert whole.returncode == 0, whole.stderr
    broken = tmp_path / "broken"
    killed = start(config, broken, kill_at=KILLED_AT, ema=ema)
    assert killed.returncode == -signal.SIGKILL
    assert not (broken / "checkpoints" / ".last.pth.partial").exists()
    assert len(losses(broken)) == KILLED_AT
    resumed = start(config, broken, resume=True, ema=ema)
    assert resumed.returncode == 0, resumed.stderr

    wanted = losses(tmp_path / "whole")
    assert len(wanted) == 3 * EPOCHS
    assert losses(broken) == wanted
    both = [read_checkpoint(w / "checkpoints" / "best.pth") for w in (tmp_path / "whole", broken)]
    for name, tensor in both[0]["state_dict"].items():
        assert torch.equal(tensor, both[1]["state_dict"][name]), name


def test_a_damaged_last_checkpoint_falls_back_on_the_one_before(data: Path, tmp_path: Path) -> None:
    config = write_run(data, tmp_path / "plan", "lora")
    work = tmp_path / "run"
    assert start(config, work, kill_at=KILLED_AT).returncode == -signal.SIGKILL
    last = work / "checkpoints" / "last.pth"
    content = bytearray(last.read_bytes())
    content[len(content) // 2] ^= 1
    last.write_bytes(content)
    resumed = start(config, work, resume=True)
    assert resumed.returncode == 0, resumed.stderr
    log = (work / "train.log").read_text()
    assert "last.pth: is damaged" in log
    assert "Going on from previous.pth, the end of epoch 1" in log
    assert len(losses(work)) == 3 * EPOCHS
    files = {path.name for path in (work / "checkpoints").iterdir()}
    assert files == {"last.pth", "best.pth"}
