"""Benchmarks end in words when the system ends one of their processes."""

from __future__ import annotations

import os
import signal
from types import SimpleNamespace
from typing import Any

import pytest
from mode_process import ModeProcess


def kill_itself() -> None:
    """Stand in for a system that is out of memory."""
    os.kill(os.getpid(), signal.SIGKILL)


def build(mode: str) -> Any:
    """Return a case that dies while it is built or at its first step."""
    if mode == "building":
        kill_itself()
    return SimpleNamespace(measured=mode, timed_step=kill_itself)


@pytest.mark.parametrize("mode", ["building", "stepping"])
def test_a_mode_that_is_killed_ends_the_benchmark_with_one_sentence(mode: str) -> None:
    sentence = f"the process of mode {mode} ended with -9; -9: the system ran out of memory"
    with pytest.raises(SystemExit, match=sentence):
        ModeProcess(build, mode).timed_step()


def test_a_mode_that_was_killed_between_two_questions_does_too() -> None:
    process = ModeProcess(build, "waiting")
    process._process.kill()
    process._process.join()
    with pytest.raises(SystemExit, match="the process of mode waiting ended with -9"):
        process.count()
