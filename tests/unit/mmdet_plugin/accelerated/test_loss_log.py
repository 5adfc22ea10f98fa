"""Several processes log the same as one with all their images."""

from __future__ import annotations

import multiprocessing
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from mmdet.utils import reduce_mean
from mmengine.model import BaseModel, MMDistributedDataParallel
from mmengine.optim import OptimWrapper
from torch import Tensor, distributed

from train_teacher.mmdet_plugin.accelerated.loss_log import LossLog, averaged
from train_teacher.mmdet_plugin.loop.smaller_parts import AdaptiveStep

PROCESSES = 2
OBJECTS = ((3, 1, 2, 2), (2, 1, 0, 0), (0, 5, 4, 1))
"""Of each image, by step; in the second step the second process has no box."""


class Detector(BaseModel):
    """Its loss is a mean over the objects of all processes, as a DETR's is (reduce_mean)."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.linspace(-1, 1, 6))

    def forward(self, inputs: Any, data_samples: Any, mode: str = "loss") -> dict[str, Tensor]:
        count = torch.tensor(float(sum(len(sample.gt_instances) for sample in data_samples)))
        count = reduce_mean(count).clamp(min=1)
        return {"loss_a": torch.stack([(x @ self.weight - 1) ** 2 for x in inputs]).sum() / count}

    def parse_losses(self, losses: Mapping[str, Tensor]) -> tuple[Tensor, LossLog]:  # type: ignore[override]
        total = losses["loss_a"] * 2
        return total, LossLog(["loss", "loss_a"], torch.stack([total, losses["loss_a"]]))


def train(model: Any, first: int, last: int) -> list[float]:
    """Return the losses of all steps on the images from `first` to before `last`."""
    wrapper = OptimWrapper(torch.optim.SGD(model.parameters(), lr=0.1))
    step = AdaptiveStep(model, wrapper, print)
    random = torch.Generator().manual_seed(1)
    logged = []
    for objects in OBJECTS:
        inputs = torch.rand(len(objects), 6, generator=random)
        samples = [SimpleNamespace(gt_instances=range(count)) for count in objects]
        data = {"inputs": list(inputs)[first:last], "data_samples": samples[first:last]}
        logged.append(averaged(step(data))["loss"])
    return logged


def one_of_them(rank: int, meeting: Path, answers: Any) -> None:
    distributed.init_process_group(
        "gloo", init_method=meeting.as_uri(), rank=rank, world_size=PROCESSES
    )
    own = len(OBJECTS[0]) // PROCESSES
    model = MMDistributedDataParallel(Detector(), broadcast_buffers=False)
    answers.put(train(model, rank * own, (rank + 1) * own))
    distributed.destroy_process_group()


def test_two_gloo_processes_log_the_losses_of_one_with_twice_the_batch(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    answers = context.Queue()
    processes = [
        context.Process(target=one_of_them, args=(rank, tmp_path / "meeting", answers), daemon=True)
        for rank in range(PROCESSES)
    ]
    for process in processes:
        process.start()
    both = [answers.get(timeout=120) for _ in processes]
    for process in processes:
        process.join(60)
    alone = train(Detector(), 0, len(OBJECTS[0]))
    assert both[0] == both[1]
    assert both[0] == pytest.approx(alone, abs=1e-4)
