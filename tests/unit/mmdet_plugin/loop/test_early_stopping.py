"""A run waits as long for a gain when it was stopped in between."""

from __future__ import annotations

import importlib
import logging
from types import SimpleNamespace
from typing import Any

from mmengine.logging import MessageHub

importlib.import_module("train_teacher.mmdet_plugin")

# ruff: noqa: E402 - the plugin comes first
from train_teacher.mmdet_plugin.loop.early_stopping import TeacherEarlyStoppingHook
from train_teacher.scores.metric_names import METRIC

SCORES = [0.1, 0.2, 0.2, 0.19, 0.201, 0.3]


def stops_after(scores: list[float], hub: Any, epochs: int = 20) -> int | None:
    """Return after how many validations a new process stops, None when it does not."""
    hook = TeacherEarlyStoppingHook(METRIC, rule="greater", min_delta=0.002, patience=3)
    loop = SimpleNamespace(stop_training=False)
    runner: Any = SimpleNamespace(
        train_loop=loop, message_hub=hub, logger=logging.getLogger("a run"), max_epochs=epochs
    )
    for number, score in enumerate(scores, start=1):
        hook.after_val_epoch(runner, {METRIC: score})
        if loop.stop_training:
            return number
    return None


def hub_named(name: str) -> MessageHub:
    return MessageHub.get_instance(name)


def resumed(hub: MessageHub, name: str) -> MessageHub:
    """Return what a checkpoint would bring into another process."""
    other = hub_named(name)
    other.load_state_dict(hub.state_dict())
    return other


def test_a_resumed_run_stops_where_an_uninterrupted_one_does() -> None:
    assert stops_after(SCORES, hub_named("whole")) == 5
    for stop in range(1, 5):
        hub = hub_named(f"stopped {stop}")
        assert stops_after(SCORES[:stop], hub) is None
        assert stops_after(SCORES[stop:], resumed(hub, f"resumed {stop}")) == 5 - stop


def test_a_run_that_is_trained_for_longer_waits_anew_for_a_gain_over_its_best() -> None:
    hub = hub_named("stopped early")
    assert stops_after(SCORES, hub) == 5
    longer = resumed(hub, "longer")
    assert stops_after([0.2, 0.2, 0.2], longer, epochs=30) == 3
