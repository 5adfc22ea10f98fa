"""Resources of this machine for a run: device, number format, loader processes, loggers."""

from __future__ import annotations

import os
import shutil
from importlib.util import find_spec
from pathlib import Path

from train_teacher.core.cores import usable_cores
from train_teacher.core.errors import UsageError
from train_teacher.core.memory_allocator import keep_freed_memory

# A GPU makes a step while one core decodes and resizes a few images: it would wait for them.
MIN_GPU_WORKERS, MAX_GPU_WORKERS = 2, 8
BF16_CAPABILITY, FP16_CAPABILITY = 8, 7
MAX_WORKERS = 4


# Starting a loader process costs seconds on CPU; a small set is read faster without.
IMAGES_WORTH_WORKERS = 500


SHARED_MEMORY = Path("/dev/shm")


SHARED_BYTES_PER_WORKER = 128 * 2**20
"""Two batches of images each for training and validation lie there; Docker's default, 64 MB for
all, is too little, and the processes die of it."""


GPU_VALIDATION_BATCH = 4
"""Images at once: without gradients they take less than one of training."""


def hide_gpus() -> None:
    """Hide all GPUs from PyTorch, before it is imported: MMEngine uses any GPU it sees."""
    os.environ["CUDA_VISIBLE_DEVICES"] = ""


def prepare_cpu() -> None:
    """Limit PyTorch to as many threads as there are cores, and keep its memory."""
    import torch

    keep_freed_memory()
    torch.set_num_threads(min(torch.get_num_threads(), usable_cores()))


def resolve_device(device: str, precision: str) -> str:
    """Return `cpu` or `cuda`.

    Raises:
        UsageError: a GPU was asked for, by name or by number format, and there is none.
    """
    if device == "cpu":
        hide_gpus()
    chosen = "cuda" if has_gpu(device) else "cpu"
    if device == "cuda" != chosen:
        raise UsageError(
            "--device cuda: PyTorch sees no GPU. Use --device cpu, or repair the driver."
        )
    if chosen == "cpu" and precision in ("bf16", "fp16"):
        raise UsageError(f"--precision {precision} needs a GPU and there is none: use fp32.")
    return chosen


def require_gpus(device: str, gpus: int, *, resumed: bool = False) -> None:
    """Check that every training process gets a GPU of its own, where this machine has any.

    Args:
        device: `auto`, `cpu` or `cuda`.
        gpus: training processes.
        resumed: whether the run has begun with as many, and cannot continue with fewer.

    Raises:
        UsageError: there are fewer.
    """
    if gpus == 1 or not has_gpu(device):
        return
    count = visible_gpus()
    if count < gpus:
        visible = os.environ.get("CUDA_VISIBLE_DEVICES")
        why = f" (CUDA_VISIBLE_DEVICES={visible})" if visible is not None else ""
        fits = f"use --gpus {count}, or" if count > 1 else "leave --gpus out, or"
        raise UsageError(
            f"--gpus {gpus}: PyTorch sees {count}{why}, and each process needs a GPU of its own. "
            f"What to do: {'' if resumed else f'{fits} '}make {gpus} visible."
        )


def describe_device(device: str, precision: str, gpus: int) -> str:
    """Return a run's device and number format, in words.

    Args:
        device: `auto`, `cpu` or `cuda`.
        precision: number format, resolved.
        gpus: how many are used.
    """
    if not has_gpu(device):
        return f"CPU ({usable_cores()} cores), {precision}"
    import torch

    about = torch.cuda.get_device_properties(0)
    # What `allow_tf32` changes, on NVIDIA's GPUs since Ampere.
    tf32 = precision == "fp32" and torch.version.cuda and about.major >= BF16_CAPABILITY
    numbers = "fp32 (TF32 in matrix products)" if tf32 else precision
    count = f"{gpus} GPUs" if gpus > 1 else "GPU"
    return f"{count} {about.name}, {about.total_memory / 2**30:.0f} GiB, {numbers}"


def visible_gpus() -> int:
    """Return how many GPUs PyTorch sees."""
    import torch

    return torch.cuda.device_count()


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
        `bf16` on a GPU with tensor cores for it (Ampere, compute capability 8, and later), `fp16`
        where there are tensor cores for that alone (V100, T4).
    """
    if precision != "auto":
        return precision
    if device == "cpu":
        return "fp32"
    import torch

    if not torch.cuda.is_available():
        return "fp32"
    capability = torch.cuda.get_device_capability()[0]
    if capability >= BF16_CAPABILITY:
        return "bf16"
    return "fp16" if capability >= FP16_CAPABILITY else "fp32"


def choose_workers(num_images: int, device: str = "cpu", gpus: int = 1) -> int:
    """Return the number of data loading processes for this machine and data set.

    Args:
        num_images: of the data set.
        device: `auto`, `cpu` or `cuda`.
        gpus: training processes that share the machine's cores.
    """
    if not has_gpu(device):
        if num_images < IMAGES_WORTH_WORKERS:
            return 0
        return min(MAX_WORKERS, max(0, (os.cpu_count() or 1) - 1))
    cores = max(1, usable_cores() // gpus)
    wanted = min(MAX_GPU_WORKERS, max(MIN_GPU_WORKERS, cores // 2))
    return min(wanted, workers_in_shared_memory(gpus), cores, num_images)


def workers_in_shared_memory(gpus: int) -> int:
    """Return how many loader processes per training process fit into the shared memory."""
    if not SHARED_MEMORY.is_dir():
        return MAX_GPU_WORKERS
    return shutil.disk_usage(SHARED_MEMORY).free // (SHARED_BYTES_PER_WORKER * gpus)


def has_gpu(device: str) -> bool:
    """Return whether `auto`, `cpu` or `cuda` means a GPU on this machine."""
    if device == "cpu":
        return False
    import torch

    return torch.cuda.is_available()


def choose_validation_batch(device: str) -> int:
    """Return how many images are validated at once: on a CPU batches are no faster.

    Args:
        device: `auto`, `cpu` or `cuda`.
    """
    return GPU_VALIDATION_BATCH if has_gpu(device) else 1


def require_loggers(*, tensorboard: bool, wandb: bool) -> None:
    """Check that the packages for the chosen loggers are installed.

    Raises:
        UsageError: it is not.
    """
    for wanted, name in ((tensorboard, "tensorboard"), (wandb, "wandb")):
        if wanted and find_spec(name) is None:
            raise UsageError(
                f"--{name}: the package {name} is not installed. Install it with: "
                f"pip install 'train-teacher[{name}]'"
            )
