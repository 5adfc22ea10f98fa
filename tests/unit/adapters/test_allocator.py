"""Threads share freed memory where malloc can be asked to, and it is no error elsewhere."""

from __future__ import annotations

import ctypes
import sys
from types import SimpleNamespace

import pytest

from train_teacher.adapters.allocator import share_freed_memory


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="malloc takes no options")
def test_malloc_takes_the_option() -> None:
    assert ctypes.CDLL(None).mallopt(-8, 1) == 1


def test_malloc_is_asked_for_one_place(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, int]] = []
    library = SimpleNamespace(mallopt=lambda *option: asked.append(option))
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(ctypes, "CDLL", lambda _: library)
    share_freed_memory()
    assert asked == [(-8, 1)]


@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
def test_a_system_without_the_option_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, platform: str
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    share_freed_memory()
