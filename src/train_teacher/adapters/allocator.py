"""Keeps memory that was let go, for the next array."""

from __future__ import annotations

import sys

_MAPPED_FROM, _TRIMMED_FROM, _ARENAS = -3, -1, -8
"""M_MMAP_THRESHOLD, M_TRIM_THRESHOLD and M_ARENA_MAX of glibc's malloc.h."""
_NEVER = 2**30


def keep_freed_memory() -> None:
    """Have malloc hand nothing back to the system before the process ends.

    By default every array of some size is mapped and unmapped anew, and the system clears all its
    pages each time: a fifth of the time of checking a large file. For a short process that works
    through many arrays of one size; one that goes on for hours would keep its peak.
    """
    if sys.platform != "linux":
        return
    import ctypes

    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # musl has none
        return
    mallopt(_MAPPED_FROM, _NEVER)
    mallopt(_TRIMMED_FROM, _NEVER)
    # A thread's own arena ends at 64 MB and maps what is larger, whatever was said above.
    mallopt(_ARENAS, 1)
