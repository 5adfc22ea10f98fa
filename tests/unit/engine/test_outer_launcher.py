"""The GPU of a process that torchrun or Slurm started, through MMEngine's own code."""

from __future__ import annotations

import os
from typing import Any

import pytest
import torch

from train_teacher.engine.outer_launcher import join, outer_launcher

ONE_NODE = {"SLURM_STEP_NUM_TASKS": "4", "SLURM_STEP_NODELIST": "n1"}
TWO_NODES = {"SLURM_STEP_NUM_TASKS": "8", "SLURM_STEP_NODELIST": "n[1-2]"}
PART_OF_A_JOB = {"SLURM_NTASKS": "8", "SLURM_NODELIST": "n[1-4]"}


@pytest.mark.parametrize(
    ("started", "step", "rank", "local", "gpus", "gpu"),
    [
        ("srun --gpus-per-task=1", ONE_NODE, 0, 0, 1, 0),
        ("srun --gpus-per-task=1", ONE_NODE, 3, 3, 1, 0),
        ("srun --gpus-per-node=4", ONE_NODE, 0, 0, 4, 0),
        ("srun --gpus-per-node=4", ONE_NODE, 3, 3, 4, 3),
        ("srun -N 2 --gpus-per-task=1", TWO_NODES, 6, 2, 1, 0),
        ("srun -N 2 --gpus-per-node=4", TWO_NODES, 6, 2, 4, 2),
        ("srun -n 4 in a job of 8", {**PART_OF_A_JOB, **ONE_NODE}, 3, 3, 4, 3),
    ],
)
def test_under_slurm_every_process_takes_a_gpu_that_it_sees(
    started: str,
    step: dict[str, str],
    rank: int,
    local: int,
    gpus: int,
    gpu: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    job = {
        "SLURM_NTASKS": step["SLURM_STEP_NUM_TASKS"],
        "SLURM_NODELIST": step["SLURM_STEP_NODELIST"],
    }
    mine = {**job, "SLURM_PROCID": str(rank), "SLURM_LOCALID": str(local), **step}
    seen = join_as_mmengine_does(mine, gpus, monkeypatch)
    assert seen["device"] == gpu, started
    # MMEngine hands LOCAL_RANK to DistributedDataParallel as the number of the GPU.
    assert seen["LOCAL_RANK"] == str(gpu)
    assert seen["RANK"] == str(rank)
    assert seen["WORLD_SIZE"] == step["SLURM_STEP_NUM_TASKS"]
    assert seen["first of"] == step["SLURM_STEP_NODELIST"]


@pytest.mark.parametrize(("local", "gpus", "gpu"), [("0", 2, 0), ("1", 2, 1), ("1", 1, 0)])
def test_under_torchrun_every_process_takes_a_gpu_that_it_sees(
    local: str, gpus: int, gpu: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = {"RANK": "5", "WORLD_SIZE": "8", "LOCAL_RANK": local}
    seen = join_as_mmengine_does(mine, gpus, monkeypatch)
    assert (seen["device"], seen["LOCAL_RANK"], seen["RANK"]) == (gpu, str(gpu), "5")


def join_as_mmengine_does(
    mine: dict[str, str], gpus: int, monkeypatch: pytest.MonkeyPatch
) -> dict[str, Any]:
    """Return what MMEngine makes of the variables on a machine with so many visible GPUs."""
    from mmengine.dist import utils

    seen: dict[str, Any] = {}

    def set_device(index: int) -> None:
        assert index < gpus, "CUDA error: invalid device ordinal"
        seen["device"] = index

    def first_host(command: str) -> str:
        seen["first of"] = command.split()[3]
        return "n1"

    def set_process_group(**_: Any) -> None:
        seen.update(os.environ)

    with monkeypatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(("SLURM_", "MASTER_"))]:
            patch.delenv(name)
        for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"):
            patch.delenv(name, raising=False)
        patch.setattr(os, "environ", dict(os.environ) | mine)
        patch.setattr(torch.cuda, "is_available", lambda: True)
        patch.setattr(torch.cuda, "device_count", lambda: gpus)
        patch.setattr(torch.cuda, "set_device", set_device)
        patch.setattr(utils.subprocess, "getoutput", first_host)
        patch.setattr(utils.torch_dist, "init_process_group", set_process_group)
        launcher = outer_launcher(os.environ)
        assert launcher is not None
        join(launcher)
    return seen
