"""A change between two epochs is said once, and done once."""

from __future__ import annotations

import importlib
import logging
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from mmengine.logging import MessageHub
from torch import nn

importlib.import_module("train_teacher.mmdet_plugin")

# ruff: noqa: E402 - the plugin comes first
from train_teacher.mmdet_plugin.loop.stages import StagesHook
from train_teacher.mmdet_plugin.runner_access import joined_after


class Waiting(nn.Linear):
    joining_modules = ("encoder",)
    joins = 0

    def join(self) -> None:
        self.joins += 1

    @property
    def joining_parameters(self) -> list[nn.Parameter]:
        return list(self.parameters())


def make_runner(name: str, epoch: int = 0) -> Any:
    model = Waiting(3, 4)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    return SimpleNamespace(
        model=model,
        epoch=epoch,
        message_hub=MessageHub.get_instance(name),
        optim_wrapper=SimpleNamespace(optimizer=optimizer),
        logger=logging.getLogger("a run"),
    )


def epochs(hook: StagesHook, runner: Any, rates: dict[int, float]) -> list[int]:
    """Run epochs with validations that change the rate; return those after which parts joined."""
    joined = []
    for _ in range(5):
        before = runner.model.joins
        hook.before_train_epoch(runner)
        joined += [runner.epoch] * (runner.model.joins - before)
        runner.epoch += 1
        hook.before_val_epoch(runner)
        group = runner.optim_wrapper.optimizer.param_groups[0]
        group["lr"] = rates.get(runner.epoch, group["lr"])
    return joined


def test_parts_join_once_at_the_first_fall_of_the_rate(capsys: pytest.CaptureFixture[str]) -> None:
    runner = make_runner("falls")
    assert epochs(StagesHook("plateau"), runner, {2: 0.05, 4: 0.025}) == [2]
    assert joined_after(runner) == 2
    told = capsys.readouterr().err.splitlines()
    assert told == [
        "after epoch 2: mAP has stopped rising, the learning rate falls from 0.1 to 0.05",
        "after epoch 2: what is trained now includes encoder (16 parameters)",
        "after epoch 4: mAP has stopped rising, the learning rate falls from 0.05 to 0.025",
    ]


def test_parts_join_after_the_epoch_that_was_given() -> None:
    assert epochs(StagesHook(3), make_runner("given"), {2: 0.05}) == [3]


def test_without_parts_that_wait_a_fall_is_only_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert epochs(StagesHook(), make_runner("none"), {2: 0.05}) == []
    assert capsys.readouterr().err.count("falls from") == 1


def test_a_warm_up_is_no_fall() -> None:
    runner = make_runner("warm-up")
    hook = StagesHook("plateau")
    hook.before_train_epoch(runner)
    runner.optim_wrapper.optimizer.param_groups[0]["lr"] = 0.01
    hook.before_train_epoch(runner)
    assert runner.model.joins == 0


def test_a_resumed_run_begins_in_its_stage() -> None:
    runner = make_runner("first start")
    epochs(StagesHook(1), runner, {})
    again = make_runner("second start", epoch=3)
    StagesHook(1).before_train(again)
    assert again.model.joins == 0
    again.message_hub.load_state_dict(runner.message_hub.state_dict())
    StagesHook(1).before_train(again)
    assert again.model.joins == 1
