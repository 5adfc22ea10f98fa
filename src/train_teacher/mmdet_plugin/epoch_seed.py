"""Randomness as a function of seed and epoch, so that a resumed run repeats an unbroken one.

A checkpoint is written at the end of an epoch. Storing the generators' states there would not do:
the validation that follows draws from them, and loader processes keep states of their own. So every
epoch starts from a state that is known without having run the epochs before it.
"""

from __future__ import annotations

import hashlib
import random
from functools import partial

import numpy as np
import torch
from mmengine.dataset import worker_init_fn
from mmengine.dist import get_rank
from mmengine.runner import Runner

SEED_BITS = 31


def epoch_seed(seed: int, epoch: int, rank: int = 0) -> int:
    """Return the seed of an epoch: unrelated to those of its neighbours, the same every time.

    Args:
        seed: of the run.
        epoch: from 0.
        rank: of the process.
    """
    digest = hashlib.blake2b(f"{seed} {epoch} {rank}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") & (1 << SEED_BITS) - 1


def seed_epoch(runner: Runner) -> None:
    """Seed Python, numpy, PyTorch and the loader's processes for the epoch that begins.

    The order of the images is not touched: the sampler derives it from seed and epoch already.
    """
    seed = epoch_seed(runner.seed or 0, runner.epoch, get_rank())
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    loader = runner.train_dataloader
    if loader.num_workers:
        loader.worker_init_fn = partial(
            worker_init_fn, num_workers=loader.num_workers, rank=get_rank(), seed=seed
        )
        # Persistent processes would go on from the states that they have: start them anew. It
        # costs a fork each (MMDetection's start method), tens of milliseconds.
        loader._iterator = None
