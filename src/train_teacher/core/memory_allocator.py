"""Settings of glibc's malloc and PyTorch's GPU allocator for freed memory."""

from __future__ import annotations

import os
import sys

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX, _ARENA_MAX = -1, -2, -4, -8
"""Of glibc's malloc.h."""
_NEVER = -1
_GROWTH = 64 * 2**20
_GPU_ALLOCATOR = ("PYTORCH_CUDA_ALLOC_CONF", "PYTORCH_ALLOC_CONF")
"""PyTorch before 2.8 knows the first name alone; the next ones take this option from it alone, and
complain of it where the second is not set."""


def share_freed_memory() -> None:
    """Make all threads share one arena, so that one reuses memory that another freed.

    By default glibc gives each thread a place of its own that ends at 64 MB; every larger array is
    mapped, cleared by the system and unmapped each time: half a second of checking
    a file of 430 MB.
    """
    _ask({_ARENA_MAX: 1})


def keep_freed_memory() -> None:
    """Make this process keep freed memory for the arrays of its next step.

    By default glibc maps every large array and gives it back, and the system clears its pages
    each time: 3.8 million pages, more than a third of the time, in a step of the official recipe
    with Swin-T on CPU (README). The price is memory: what lies between kept pieces is not reused.
    """
    _ask({_MMAP_MAX: 0, _TRIM_THRESHOLD: _NEVER, _TOP_PAD: _GROWTH})


def join_freed_gpu_memory() -> None:
    """Make PyTorch merge freed GPU memory, unless the user has configured its allocator.

    Every batch has a size of its own, and by default the freed pieces of one fit no larger one.
    To be called before PyTorch is imported. Only Linux has it.
    """
    if sys.platform == "linux" and not any(name in os.environ for name in _GPU_ALLOCATOR):
        os.environ.update(dict.fromkeys(_GPU_ALLOCATOR, "expandable_segments:True"))


def _ask(options: dict[int, int]) -> None:
    if sys.platform != "linux":
        return
    import ctypes

    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # musl has none
        return
    for option, value in options.items():
        mallopt(option, value)
