"""Starting MMEngine's Runner on a generated config, and what the machine offers it."""

from __future__ import annotations

import gc
import os
import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from train_teacher.domain.errors import UsageError

if TYPE_CHECKING:
    from mmengine.config import Config
    from mmengine.runner import Runner
    from torch import nn

MAX_WORKERS = 4
# Starting a loader process costs seconds on CPU; a small set is read faster without.
IMAGES_WORTH_WORKERS = 500
# A GPU makes a step while one core decodes and resizes a few pictures: it would wait for them.
MIN_GPU_WORKERS, MAX_GPU_WORKERS = 2, 8
SHARED_MEMORY = Path("/dev/shm")
SHARED_BYTES_PER_WORKER = 128 * 2**20
"""Two batches of pictures each for training and validation lie there; Docker's default, 64 MB for
all, is too little, and the processes die of it."""
BF16_CAPABILITY = 8
GPU_VALIDATION_BATCH = 4
"""Pictures at once: without gradients they take less than one of training."""


def resolve_device(device: str, precision: str) -> str:
    """Return `cpu` or `cuda`.

    Raises:
        UsageError: a GPU was asked for, by name or by number format, and there is none.
    """
    if device == "cpu":
        # MMEngine takes a GPU whenever PyTorch sees one; hiding it, before PyTorch is imported, is
        # the only switch there is.
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    import torch

    has_gpu = torch.cuda.is_available()
    if device == "cuda" and not has_gpu:
        raise UsageError(
            "--device cuda: PyTorch sees no GPU. Use --device cpu, or mend the driver."
        )
    chosen = "cuda" if has_gpu and device != "cpu" else "cpu"
    if chosen == "cpu" and precision in ("bf16", "fp16"):
        raise UsageError(f"--precision {precision} needs a GPU and there is none: use fp32.")
    return chosen


def gpu_bytes(device: str, gpus: int) -> int | None:
    """Return the memory of the smallest GPU that would be used, None for a CPU.

    Args:
        device: `auto`, `cpu` or `cuda`.
        gpus: how many are used.
    """
    if device == "cpu":
        return None
    import torch

    count = min(gpus, torch.cuda.device_count()) if torch.cuda.is_available() else 0
    sizes = [int(torch.cuda.get_device_properties(index).total_memory) for index in range(count)]
    return min(sizes, default=None)


def resolve_precision(precision: str, device: str) -> str:
    """Return the number format that `auto` means on this machine.

    Args:
        precision: `auto` or a format.
        device: `auto`, `cpu` or `cuda`.

    Returns:
        `bf16` on a GPU with tensor cores for it (Ampere, compute capability 8, and later).
    """
    if precision != "auto":
        return precision
    if device == "cpu":
        return "fp32"
    import torch

    if not torch.cuda.is_available():
        return "fp32"
    return "bf16" if torch.cuda.get_device_capability()[0] >= BF16_CAPABILITY else "fp32"


def choose_workers(num_images: int, device: str = "cpu", gpus: int = 1) -> int:
    """Return the number of data loading processes for this machine and data set.

    Args:
        num_images: of the data set.
        device: `auto`, `cpu` or `cuda`.
        gpus: training processes that share the machine's cores.
    """
    if not _has_gpu(device):
        if num_images < IMAGES_WORTH_WORKERS:
            return 0
        return min(MAX_WORKERS, max(0, (os.cpu_count() or 1) - 1))
    cores = max(1, _usable_cores() // gpus)
    wanted = min(MAX_GPU_WORKERS, max(MIN_GPU_WORKERS, cores // 2))
    if SHARED_MEMORY.is_dir():
        free = shutil.disk_usage(SHARED_MEMORY).free
        wanted = min(wanted, free // (SHARED_BYTES_PER_WORKER * gpus))
    return min(wanted, cores, num_images)


def _usable_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _has_gpu(device: str) -> bool:
    """Return whether `auto`, `cpu` or `cuda` means a GPU on this machine."""
    if device == "cpu":
        return False
    import torch

    return torch.cuda.is_available()


def choose_validation_batch(device: str) -> int:
    """Return how many pictures are validated at once: on a CPU a batch gains nothing.

    Args:
        device: `auto`, `cpu` or `cuda`.
    """
    return GPU_VALIDATION_BATCH if _has_gpu(device) else 1


def require_loggers(*, tensorboard: bool, wandb: bool) -> None:
    """Check that what the run is to be logged to is installed.

    Raises:
        UsageError: it is not.
    """
    for wanted, name in ((tensorboard, "tensorboard"), (wandb, "wandb")):
        if wanted and find_spec(name) is None:
            raise UsageError(
                f"--{name}: the package {name} is not installed. Install it with: "
                f"pip install 'train-teacher[{name}]'"
            )


def load_config(path: Path) -> Config:
    """Read a written config the way MMDetection's tools do, importing what it names."""
    from mmengine.config import Config

    config: Config = Config.fromfile(path)
    # Its text goes into the log and into every checkpoint; making it pretty takes a second each
    # time, and `fromfile` drops the argument that forbids it.
    vars(config)["_format_python_code"] = False
    return config


@contextmanager
def stdout_to_log(log: Path) -> Iterator[None]:
    """Send what upstream prints, such as pycocotools' tables, to the log: stdout is for results."""
    file = log.open("a", encoding="utf-8")
    try:
        with redirect_stdout(file):
            yield
    finally:
        # On a full disk the rest of a table is lost; the error that stopped the run must not be.
        with suppress(OSError):
            file.close()


def _join_without_gpu() -> None:
    """Join the other processes where MMEngine cannot: it asks for a GPU of each (dist/utils.py)."""
    import torch
    from torch import distributed

    if not torch.cuda.is_available() and not distributed.is_initialized():
        distributed.init_process_group("gloo")


def silence_upstream() -> None:
    """Hide the warnings of the training stack for the rest of the process.

    mmengine imports pkg_resources, transformers and torch warn about it and about themselves; none
    of it is the user's to mend, and the log keeps the versions.
    """
    warnings.filterwarnings("ignore", category=UserWarning)
    warnings.filterwarnings("ignore", category=FutureWarning)
    warnings.filterwarnings("ignore", category=DeprecationWarning)


def silence_logger() -> None:
    """Keep MMEngine's remarks off the terminal where there is no train.log; errors still show."""
    from mmengine.logging import MMLogger

    MMLogger.get_instance("mmengine", log_level="ERROR")


def build_runner(
    config: Path, *, launcher: str = "none", resume_from: Path | None = None
) -> Runner:
    """Build the model, load its base checkpoint and freeze it.

    Args:
        config: `mmdet_config.py` of a run folder.
        launcher: `none`, or how MMEngine finds the other processes: `pytorch`, `slurm`.
        resume_from: checkpoint whose state training goes on from.

    Returns:
        A runner whose `train()` trains to the end.

    Raises:
        UserError: the model and its checkpoint do not fit, or there is nothing to freeze.
    """
    silence_upstream()
    cfg = load_config(config)
    # The imported code stays: MMEngine collects garbage with every data set it reads, and each time
    # would look through a million objects.
    gc.freeze()
    cfg.launcher = launcher
    if launcher != "none":
        _join_without_gpu()
    if resume_from is not None:
        cfg.resume, cfg.load_from = True, str(resume_from)

    from mmengine.registry import RUNNERS

    runner: Runner = RUNNERS.build(cfg)
    return runner


def detector_of(runner: Runner) -> nn.Module:
    """Return the detector of a runner, without the wrapper of distributed training."""
    from train_teacher.mmdet_plugin.hooks import unwrapped

    return unwrapped(runner)
