"""Lets all threads of a short process share freed memory."""

from __future__ import annotations

import sys

_ARENAS = -8
"""M_ARENA_MAX of glibc's malloc.h."""


def share_freed_memory() -> None:
    """Have all threads take memory from one place, so that one uses what another let go.

    By default glibc gives each thread a place of its own that ends at 64 MB; every larger array is
    mapped and unmapped anew, and the system clears its pages each time: half a second of checking
    a file of 430 MB.
    """
    if sys.platform != "linux":
        return
    import ctypes

    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # musl has none
        return
    mallopt(_ARENAS, 1)
