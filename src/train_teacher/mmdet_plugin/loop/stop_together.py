"""Several processes agree every few seconds whether one of them was asked to stop."""

from __future__ import annotations

import time

import torch
from mmengine.dist import get_world_size
from torch import distributed

ASK_SECONDS = 2.0
"""Seconds between two questions to the other processes: far less than a launcher waits."""
MOST_CALLS = 10
"""Calls between two questions, however quick they are."""


class Agreement:
    """One answer for all processes, each of which asks at the same call.

    How many calls make `ASK_SECONDS` is part of what they agree on: by the slowest of them.
    """

    def __init__(self) -> None:
        """Join the others; all processes have to do this at the same time."""
        # Over the CPU: a GPU would finish all that was given to it before it answers.
        several = get_world_size() > 1
        self._group = distributed.new_group(backend="gloo") if several else None
        self.ask_next()

    def ask_next(self) -> None:
        """Ask at the next call, because it may take longer than those before."""
        self._left, self._calls, self._asked_at = 1, 0, time.monotonic()

    def __call__(self, told: bool) -> bool:
        """Return whether any process was asked to stop; False when it is not time to ask."""
        if self._group is None:
            return told
        self._left -= 1
        self._calls += 1
        if self._left > 0:
            return False
        now = time.monotonic()
        answer = torch.tensor([float(told), (now - self._asked_at) / self._calls])
        distributed.all_reduce(answer, distributed.ReduceOp.MAX, group=self._group)
        anyone, pace = answer.tolist()
        self._left = max(1, int(min(ASK_SECONDS / max(pace, 1e-9), MOST_CALLS)))
        self._calls, self._asked_at = 0, now
        return bool(anyone)
