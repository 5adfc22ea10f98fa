"""Freed memory is shared and kept where malloc can be asked to, and it is no error elsewhere."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from train_teacher.core.memory_allocator import (
    join_freed_gpu_memory,
    keep_freed_memory,
    share_freed_memory,
)

TAKES_OPTIONS = sys.platform == "linux" and hasattr(ctypes.CDLL(None), "mallopt")
ASKED = [
    (share_freed_memory, [(-8, 1)]),
    (keep_freed_memory, [(-4, 0), (-1, -1), (-2, 64 * 2**20)]),
]
FAULTS_OF_TEN_ARRAYS = """
import resource, sys
import numpy as np
from train_teacher.core.memory_allocator import keep_freed_memory
if sys.argv[1] == "keep":
    keep_freed_memory()
for _ in range(10):
    np.empty(2**26, dtype=np.uint8)[::4096] = 1
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
"""


@pytest.mark.parametrize(("ask", "options"), ASKED)
def test_malloc_is_asked_for_it(
    ask: Callable[[], None], options: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[int, int]] = []
    library = SimpleNamespace(mallopt=lambda *option: asked.append(option))
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(ctypes, "CDLL", lambda _: library)
    ask()
    assert asked == options


@pytest.mark.skipif(not TAKES_OPTIONS, reason="malloc takes no options")
def test_malloc_takes_the_option() -> None:
    assert ctypes.CDLL(None).mallopt(-8, 1) == 1


@pytest.mark.skipif(not TAKES_OPTIONS, reason="malloc takes no options")
def test_kept_memory_is_not_cleared_again_for_every_array() -> None:
    faults = {
        how: int(
            subprocess.run(
                [sys.executable, "-c", FAULTS_OF_TEN_ARRAYS, how],
                capture_output=True,
                text=True,
                timeout=60,
                check=True,
                env={**os.environ, "NUMPY_MADVISE_HUGEPAGE": "0"},
            ).stdout
        )
        for how in ("keep", "default")
    }
    assert faults["keep"] < faults["default"] / 3


@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
@pytest.mark.parametrize("ask", [ask for ask, _ in ASKED])
def test_a_system_without_the_options_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, platform: str, ask: Callable[[], None]
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    ask()


GROWS = "expandable_segments:True"


@pytest.mark.parametrize(
    ("platform", "told", "then"),
    [
        ("linux", {}, {"PYTORCH_CUDA_ALLOC_CONF": GROWS, "PYTORCH_ALLOC_CONF": GROWS}),
        ("linux", {"PYTORCH_ALLOC_CONF": "a:b"}, {"PYTORCH_ALLOC_CONF": "a:b"}),
        ("linux", {"PYTORCH_CUDA_ALLOC_CONF": ""}, {"PYTORCH_CUDA_ALLOC_CONF": ""}),
        ("win32", {}, {}),
    ],
)
def test_freed_gpu_memory_is_joined_unless_the_user_told_pytorch_what_to_do(
    platform: str, told: dict[str, str], then: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(os, "environ", dict(told))
    join_freed_gpu_memory()
    assert os.environ == then


@pytest.mark.skipif(sys.platform != "linux", reason="PyTorch has it for Linux alone")
def test_a_run_asks_for_joined_gpu_memory_before_pytorch_is_imported() -> None:
    code = (
        "import os, sys; from train_teacher.training.command import _together\n"
        "def work(others):\n"
        f"    assert os.environ['PYTORCH_CUDA_ALLOC_CONF'] == '{GROWS}'\n"
        "    assert 'torch' not in sys.modules\n"
        "    return 7\n"
        "sys.exit(_together({}, work))"
    )
    names = ("PYTORCH_CUDA_ALLOC_CONF", "PYTORCH_ALLOC_CONF")
    environment = {name: value for name, value in os.environ.items() if name not in names}
    result = subprocess.run([sys.executable, "-c", code], env=environment, check=False)
    assert result.returncode == 7
