"""One line of progress on stderr: rewritten on a terminal, a line every tenth elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable

PLAIN_STEP = 10


def progress_line(what: str, *, unit: str = "", per: int = 1) -> Callable[[int, int], None]:
    """Return a callback for (done, total).

    Args:
        what: what is counted, such as `pictures`.
        unit: written after the numbers, such as `MiB`.
        per: how many counted things make one unit.
    """
    shown = -1

    def show(done: int, total: int) -> None:
        nonlocal shown
        percent = 100 * done // total if total else 0
        if percent == shown:
            return
        shown = percent
        live = sys.stderr.isatty()
        if live or percent % PLAIN_STEP == 0:
            amount = f"{done // per:,} of {total // per:,} {unit}".rstrip()
            end = "\n" if not live or done >= total else "\r"
            sys.stderr.write(f"{what}: {amount} ({percent} %){end}")
            sys.stderr.flush()

    return show
