"""Training processes started by an outer launcher: torchrun, or Slurm's srun, on any machines."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from train_teacher.core.errors import UserError

LONGEST_WAIT = timedelta(days=1)
"""For the plan: the first process may download weights or inspect a large data set before."""


@dataclass(frozen=True)
class OuterLauncher:
    """Rank of this process among those of an outer launcher."""

    kind: str
    """As MMEngine names it: `pytorch` (torchrun) or `slurm`."""
    rank: int
    world_size: int

    @property
    def leads(self) -> bool:
        """True when this process plans the run and writes it."""
        return self.rank == 0


@dataclass(frozen=True)
class Plan:
    """Message of the leading process to the others."""

    folder: Path
    """Run folder, complete."""
    resume_from: Path | None


def outer_launcher(environment: Mapping[str, str] = os.environ) -> OuterLauncher | None:
    """Return the launcher that started this process, None when it is alone.

    Args:
        environment: of the process.
    """
    for kind, rank, size in (
        ("pytorch", "RANK", "WORLD_SIZE"),
        # SLURM_NTASKS is there in a batch script too, which runs once.
        ("slurm", "SLURM_PROCID", "SLURM_STEP_NUM_TASKS"),
    ):
        if environment.get(rank, "").isdigit() and environment.get(size, "").isdigit():
            world = int(environment[size])
            if world > 1:
                return OuterLauncher(kind, int(environment[rank]), world)
    return None


def join(outer: OuterLauncher) -> None:
    """Connect this process with the others.

    Raises:
        UserError: Slurm without GPUs, which MMEngine cannot do.
    """
    import torch
    from mmengine.dist import init_dist
    from torch import distributed

    if torch.cuda.is_available():
        os.environ.update(upstream_variables(outer.kind, os.environ, torch.cuda.device_count()))
        init_dist(outer.kind)
    elif outer.kind == "slurm":
        raise UserError(
            "srun started several processes without a GPU, and MMEngine wants one for each. Ask "
            "Slurm for GPUs (--gpus-per-task=1), or start torchrun in one task."
        )
    else:
        distributed.init_process_group("gloo")


def upstream_variables(kind: str, environment: Mapping[str, str], gpus: int) -> dict[str, str]:
    """Return the environment variables with which MMEngine selects an existing GPU.

    It takes the process's number on its machine for that of a GPU, though each process may see its
    own GPU alone, and Slurm's job for the step that runs, though that may be a part of it.

    Args:
        kind: `pytorch` or `slurm`.
        environment: of the process.
        gpus: that this process sees.
    """
    if kind == "pytorch":
        place = environment.get("LOCAL_RANK", environment["RANK"])
        return {"LOCAL_RANK": str(int(place) % gpus)}
    place = environment.get("SLURM_LOCALID", environment["SLURM_PROCID"])
    step = {
        job: environment[own]
        for job, own in (
            ("SLURM_NTASKS", "SLURM_STEP_NUM_TASKS"),
            ("SLURM_NODELIST", "SLURM_STEP_NODELIST"),
        )
        if own in environment
    }
    return {"SLURM_LOCALID": str(int(place) % gpus), **step}


def tell(plan: Plan | None) -> None:
    """Send the run to the other processes; None when there is nothing to train."""
    _broadcast([plan])


def hear() -> Plan | None:
    """Wait for the message of the leading process, and return it."""
    return _broadcast([None])


def _broadcast(box: list[Plan | None]) -> Plan | None:
    from torch import distributed

    # Over sockets: a GPU's own channel gives up after ten minutes.
    group = distributed.new_group(backend="gloo", timeout=LONGEST_WAIT)
    distributed.broadcast_object_list(box, src=0, group=group)
    return box[0]
