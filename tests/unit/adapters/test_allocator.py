"""Keeping freed memory works where malloc can be asked, and is no error elsewhere."""

from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest

from train_teacher.adapters.allocator import keep_freed_memory

FAULTS = """
import resource, sys
import numpy as np
from train_teacher.adapters.allocator import keep_freed_memory
if sys.argv[1] == "keep":
    keep_freed_memory()
def work():
    [np.ones(100_000) for _ in range(20)]
work()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    work()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(how: str) -> int:
    command = [sys.executable, "-c", FAULTS, how]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="malloc takes no options")
def test_the_pages_of_an_array_are_used_again() -> None:
    assert faults("keep") < 2000 < faults("leave")


@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
def test_a_system_without_the_option_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, platform: str
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    keep_freed_memory()
