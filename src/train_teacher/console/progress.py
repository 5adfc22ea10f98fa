"""One line of progress on stderr: rewritten on a terminal, a line every tenth elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

PLAIN_STEP = 10
SOON_SECONDS = 60
SECONDS_PER_HOUR = 3600


def progress_line(what: str, *, unit: str = "", per: int = 1) -> Callable[[int, int], None]:
    """Return a callback for (done, total).

    Args:
        what: what is counted, such as `images`.
        unit: written after the numbers, such as `MiB`.
        per: how many counted things make one unit.
    """
    shown = -1
    first: tuple[float, int] | None = None

    def show(done: int, total: int) -> None:
        nonlocal shown, first
        now = time.monotonic()
        # From the first call on: what an earlier command had done took no time here.
        first = first or (now, done)
        percent = 100 * done // total if total else 0
        if percent == shown:
            return
        shown = percent
        live = sys.stderr.isatty()
        if live or percent % PLAIN_STEP == 0:
            amount = f"{done // per:,} of {total // per:,} {unit}".rstrip()
            end = "\n" if not live or done >= total else "\r"
            left = _time_left(now - first[0], done - first[1], total - done)
            sys.stderr.write(f"{what}: {amount} ({percent} %{left}){end}")
            sys.stderr.flush()

    return show


def _time_left(seconds: float, done: int, remaining: int) -> str:
    """Return how long it will go on at this speed; nothing when that is soon or not known."""
    left = seconds / done * remaining if done > 0 else 0.0
    if left < SOON_SECONDS:
        return ""
    if left < SECONDS_PER_HOUR:
        return f", about {left / 60:.0f} min left"
    return f", about {left / SECONDS_PER_HOUR:.1f} h left"
