from __future__ import annotations

import importlib
from typing import Any

import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.model import BaseDataPreprocessor
from mmengine.runner import Runner
from torch import nn
from torch.utils.data import DataLoader

importlib.import_module("train_teacher.mmdet_plugin")

from train_teacher.mmdet_plugin.runner import TeacherRunner  # noqa: E402


def handed_on(config: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return what MMEngine is asked to build a loader from."""
    seen = []

    def build(*args: Any) -> DataLoader[Any]:
        seen.append(args)
        return DataLoader([0])

    monkeypatch.setattr(Runner, "build_dataloader", staticmethod(build))
    TeacherRunner.build_dataloader(config, seed=3, diff_rank_seed=True)
    assert seen[0][1:] == (3, True)
    return seen[0][0]


@pytest.mark.parametrize("gpu", [True, False])
def test_batches_are_pinned_where_there_is_a_gpu(
    gpu: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    config = ConfigDict(batch_size=2)
    wanted = {"batch_size": 2, "pin_memory": True} if gpu else {"batch_size": 2}
    assert handed_on(config, monkeypatch) == wanted
    assert config == {"batch_size": 2}


def test_what_the_user_set_about_pinning_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert handed_on(ConfigDict(pin_memory=False), monkeypatch) == {"pin_memory": False}


@pytest.mark.parametrize("gpu", [True, False])
def test_a_step_does_not_wait_for_its_images_on_a_gpu(
    gpu: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    asked = []

    class Image(torch.Tensor):
        def to(self, *args: Any, **kwargs: Any) -> Any:
            asked.append(kwargs)
            return self

    model = nn.Module()
    model.data_preprocessor = BaseDataPreprocessor()
    runner = TeacherRunner.__new__(TeacherRunner)
    assert runner.build_model(model) is model
    model.data_preprocessor.cast_data({"inputs": [torch.zeros(1).as_subclass(Image)]})
    assert asked == [{"non_blocking": gpu}]
