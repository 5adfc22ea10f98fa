"""Processes ask each other by the time that their steps take, and all at the same step."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from train_teacher.mmdet_plugin.loop import stop_together
from train_teacher.mmdet_plugin.loop.stop_together import ASK_SECONDS, MOST_CALLS, Agreement


class Others:
    """Stand in for the other processes: their signals, and the time of a call."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.told, self.pace, self.asked = 100.0, False, 0.0, 0
        monkeypatch.setattr(stop_together, "get_world_size", lambda: 2)
        monkeypatch.setattr(stop_together.distributed, "new_group", lambda backend: backend)
        monkeypatch.setattr(stop_together.distributed, "all_reduce", self.all_reduce)
        monkeypatch.setattr(stop_together.time, "monotonic", lambda: self.now)

    def all_reduce(self, answer: torch.Tensor, *_: Any, **__: Any) -> None:
        self.asked += 1
        answer.copy_(torch.maximum(answer, torch.tensor([float(self.told), self.pace])))


def calls(agreed: Agreement, others: Others, count: int, seconds: float) -> list[bool]:
    answers = []
    for _ in range(count):
        others.now += seconds
        answers.append(agreed(False))
    return answers


@pytest.mark.parametrize(
    ("seconds", "other_pace", "every"),
    [
        (0.001, 0.0, MOST_CALLS),
        (ASK_SECONDS / 4, 0.0, 4),
        (ASK_SECONDS * 3, 0.0, 1),
        (0.001, ASK_SECONDS / 2, 2),
    ],
)
def test_the_slowest_process_decides_how_many_steps_go_by(
    monkeypatch: pytest.MonkeyPatch, seconds: float, other_pace: float, every: int
) -> None:
    others = Others(monkeypatch)
    others.pace = other_pace
    agreed = Agreement()
    assert calls(agreed, others, 1 + 3 * every, seconds) == [False] * (1 + 3 * every)
    assert others.asked == 4
    others.told = True
    assert calls(agreed, others, every, seconds) == [*[False] * (every - 1), True]


def test_after_a_validation_the_next_step_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    others = Others(monkeypatch)
    agreed = Agreement()
    calls(agreed, others, 2, 0.001)
    others.now += 600
    agreed.ask_next()
    others.told = True
    assert calls(agreed, others, 1, 0.001) == [True]


def test_a_single_process_knows_at_once() -> None:
    agreed = Agreement()
    assert [agreed(told) for told in (False, True, False)] == [False, True, False]
