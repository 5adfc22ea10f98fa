"""A step depends on its number, not on what ran before it."""

from __future__ import annotations

import random
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import torch
from mmengine.dataset import BaseDataset
from mmengine.runner import Runner
from torch.utils.data import DataLoader, Sampler

from train_teacher.mmdet_plugin.samples.repeatable import (
    RepeatableHook,
    ResumableBatchSampler,
    SeededDataset,
    seed_of,
)


class Noise(BaseDataset):
    def load_data_list(self) -> list[dict[str, Any]]:
        return [{"width": 40 + n, "height": 40, "number": n} for n in range(6)]

    def prepare_data(self, idx: int) -> tuple[int, float, float]:
        return idx, random.random(), float(np.random.random())


def dataset() -> SeededDataset:
    return SeededDataset(Noise(), seed=3)


def rows(loader: DataLoader[Any]) -> list[tuple[float, ...]]:
    return [tuple(float(v) for v in row) for batch in loader for row in zip(*batch, strict=True)]


def test_samples_do_not_depend_on_order_or_loader_processes() -> None:
    alone = [dataset()[index] for index in (4, 0, 2)]
    again = dataset()
    assert [again[index] for index in (0, 2, 4)] == [alone[1], alone[2], alone[0]]
    here = rows(DataLoader(dataset(), batch_size=2, num_workers=0))
    there = rows(DataLoader(dataset(), batch_size=2, num_workers=2))
    assert here == there


def test_each_epoch_is_augmented_anew() -> None:
    data = dataset()
    first = data[1]
    runner = SimpleNamespace(epoch=1, iter=0, train_dataloader=SimpleNamespace(dataset=data))
    RepeatableHook(seed=3).before_train_epoch(cast(Runner, runner))
    assert data[1][1:] != first[1:]


def test_loader_processes_that_live_on_see_the_next_epoch() -> None:
    data = dataset()
    loader: DataLoader[Any] = DataLoader(data, batch_size=2, num_workers=1, persistent_workers=True)
    first = rows(loader)
    data.epoch.value = 1
    assert rows(loader) != first
    data.epoch.value = 0
    assert rows(loader) == first


def test_the_step_seeds_what_the_model_draws() -> None:
    hook = RepeatableHook(seed=3)
    drawn = []
    for step in (5, 6, 5):
        hook.before_train_iter(cast(Runner, SimpleNamespace(iter=step)), 0)
        drawn.append(float(torch.rand(1)))
    assert drawn[0] == drawn[2] != drawn[1]


def test_seeds_differ_in_every_part() -> None:
    assert len({seed_of(a, b, c) for a in range(4) for b in range(4) for c in range(4)}) == 64


class _InOrder(Sampler[int]):
    def __init__(self, data: SeededDataset) -> None:
        self.dataset = data
        self.data = data

    def __iter__(self) -> Any:
        return iter(range(len(self.data)))

    def __len__(self) -> int:
        return len(self.data)


def test_an_epoch_can_begin_in_its_middle() -> None:
    batches = ResumableBatchSampler(_InOrder(dataset()), batch_size=2)
    whole = list(batches)
    batches.skip = 2
    assert list(batches) == whole[2:]
    assert list(batches) == whole
