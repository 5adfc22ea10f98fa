"""Randomness that depends on step and image only, so that a stopped run resumes exactly.

Neither a number of loader processes, nor the order in which they finish, nor an interruption
changes what step 1,234 does: every sample is augmented with numbers drawn from (seed, epoch,
image), and every step draws its own from (seed, step, process). No random state is saved. On a GPU
losses are still equal up to rounding only: its atomic additions come in no fixed order.
"""

from __future__ import annotations

import multiprocessing
import random
from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np
import torch
from mmdet.datasets.samplers import AspectRatioBatchSampler
from mmdet.registry import DATA_SAMPLERS, DATASETS
from mmengine.dataset import RepeatDataset
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import Runner

_SEEDS = 2**32


def seed_of(*parts: int) -> int:
    """Return a seed below 2**32 that depends on every part (numpy's SeedSequence)."""
    return int(np.random.SeedSequence([part % _SEEDS for part in parts]).generate_state(1)[0])


@DATASETS.register_module()
class SeededDataset(RepeatDataset):
    """The outermost dataset: seeds the random generators of the transforms for each sample.

    Each index draws its own numbers, so that the copies of an image that is repeated for its rare
    class are augmented differently.
    """

    def __init__(self, dataset: Any, seed: int, lazy_init: bool = False) -> None:
        """Wrap a dataset.

        Args:
            dataset: a dataset or its config.
        """
        super().__init__(dataset, times=1, lazy_init=lazy_init)
        self.seed = seed
        # In shared memory: loader processes that live for the whole run see the epoch change.
        epoch = multiprocessing.get_context().Value("q", 0, lock=False)
        self.epoch: Any = epoch

    def __getitem__(self, idx: int) -> Any:
        """Seed Python's and numpy's generators, then load and augment the sample."""
        seed = seed_of(self.seed, int(self.epoch.value), idx)
        random.seed(seed)
        np.random.seed(seed)
        return super().__getitem__(idx)


@DATA_SAMPLERS.register_module()
class ResumableBatchSampler(AspectRatioBatchSampler):
    """AspectRatioBatchSampler that can begin in the middle of an epoch."""

    skip = 0
    """Batches left out at the start of the next epoch; back to 0 after it."""

    def __iter__(self) -> Iterator[list[int]]:
        """Yield the batches that are not skipped."""
        skip, self.skip = self.skip, 0
        yield from islice(super().__iter__(), skip, None)


@HOOKS.register_module()
class RepeatableHook(Hook):
    """Passes the epoch on to the samples, and seeds each step."""

    priority = "VERY_HIGH"

    def __init__(self, seed: int) -> None:
        """Create the hook."""
        self.seed = seed

    def before_train_epoch(self, runner: Runner) -> None:
        """Pass the epoch on to the samples."""
        dataset = runner.train_dataloader.dataset
        if isinstance(dataset, SeededDataset):
            dataset.epoch.value = runner.epoch

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """Seed the random generators of the model for this step (denoising queries, dropout)."""
        torch.manual_seed(seed_of(self.seed, runner.iter, get_rank()))
