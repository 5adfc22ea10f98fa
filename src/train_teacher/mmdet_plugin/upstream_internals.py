"""Private names of MMEngine and PyTorch, each used where there is no public one.

Nowhere else is one used of an object that is not ours. MMEngine is pinned to 0.10.7, whose
attributes these are; PyTorch's have been the same from 2.1 to 2.13.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, MutableMapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from mmengine.model import BaseDataPreprocessor
from mmengine.optim import OptimWrapper
from mmengine.runner import Runner
from torch import Tensor, nn


def batches_per_step(wrapper: OptimWrapper) -> int:
    """Return how many batches make an optimizer step; a wrapper only takes the number."""
    return int(wrapper._accumulative_counts)


def set_batch_count(wrapper: OptimWrapper, count: int) -> None:
    """Set the batches that a wrapper has seen, for one that is seen again or in parts.

    `initialize_count_status` would warn of every count within a step.

    Args:
        wrapper: whose `inner_count` can only be read.
        count: batches since the start of training.
    """
    wrapper._inner_count = count


def make_next_batch_a_step(wrapper: OptimWrapper) -> None:
    """Let the next batch be an optimizer step of its own, whatever came before it."""
    wrapper._accumulative_counts, wrapper._inner_count, wrapper._max_counts = 1, 0, -1


def train_loader_config(runner: Runner) -> MutableMapping[str, Any]:
    """Return the config of the training loader, to be changed before the loader is built.

    `runner.train_dataloader` builds the loader, and `runner.cfg` is a copy that nothing reads.
    """
    config: MutableMapping[str, Any] = runner._train_dataloader
    return config


def fetch_without_waiting(preprocessor: BaseDataPreprocessor, wanted: bool) -> None:
    """Choose whether a built preprocessor waits for a batch on its way to the device.

    The constructor takes it, but the config is the same on every machine.
    """
    preprocessor._non_blocking = wanted


def times_written(tensor: Tensor) -> int:
    """Return a number that grows with every write into a tensor in place."""
    return tensor._version


def largest_magnitudes(tensors: Sequence[Tensor]) -> Sequence[Tensor]:
    """Return the largest absolute value of each tensor, in one launch for all.

    Args:
        tensors: of one device, none empty.

    Returns:
        Scalars on that device, in the same order; a NaN stays one.
    """
    return torch._foreach_norm(list(tensors), float("inf"))


@contextmanager
def averaging_alone(head: nn.Module) -> Iterator[None]:
    """Let a head divide its losses by what this process counts, without asking the others.

    Each module of mmdet's heads imports `reduce_mean` for itself, so each has its own to exchange.
    """
    modules = {sys.modules[kind.__module__] for kind in type(head).__mro__}
    averages = {m: vars(m)["reduce_mean"] for m in modules if "reduce_mean" in vars(m)}
    try:
        for module in averages:
            vars(module)["reduce_mean"] = _itself
        yield
    finally:
        for module, average in averages.items():
            vars(module)["reduce_mean"] = average


def _itself(tensor: Tensor) -> Tensor:
    return tensor
