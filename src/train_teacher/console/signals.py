"""SIGINT and SIGTERM outside of training steps: both interrupt, once."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)
SAME_WITHIN = 1.0
"""Seconds in which a signal counts as the one before it: who started this process often sends its
own SIGTERM after the Ctrl-C that reached all."""


@contextmanager
def interruptible() -> Iterator[None]:
    """Raise KeyboardInterrupt at SIGTERM as at Ctrl-C, so that unfinished files are removed.

    The second of two signals in quick succession is dropped: it would interrupt the clearing.
    Training itself takes the signals over for its steps, and gives them back here.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # Python lets only the main thread ask for signals
        return
    told_at = float("-inf")

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal told_at
        before, told_at = told_at, time.monotonic()
        if told_at - before >= SAME_WITHIN:
            raise KeyboardInterrupt

    previous: dict[signal.Signals, Any] = {n: signal.signal(n, interrupt) for n in SIGNALS}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
