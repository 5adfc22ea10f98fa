"""Progress on stderr: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

Progress = Callable[[int, int], None]
"""Called with what is done and in all."""
LIVE_SECONDS, PLAIN_SECONDS = 0.2, 10.0
PLAIN_PERCENT = 10
SOON_SECONDS = 60

_BAR: ContextVar[Bar | None] = ContextVar("bar", default=None)


def on_terminal() -> bool:
    """Return whether a bar can be shown."""
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


def interval() -> float:
    """Return the seconds after which a long work should show itself again."""
    return LIVE_SECONDS if on_terminal() else PLAIN_SECONDS


def show(share: float, text: str) -> None:
    """Show the share that is done, 0 to 1: the bar moves, or a line is added.

    What is printed to stderr while there is a bar stays above it.
    """
    if not on_terminal():
        sys.stderr.write(text + "\n")
        sys.stderr.flush()
        return
    bar = _BAR.get() or _started_bar()
    bar.update(bar.task_ids[0], completed=share, description=text, refresh=True)


def close() -> None:
    """Keep the bar, and continue below it."""
    if bar := _BAR.get():
        bar.stop()
        _BAR.set(None)


def _started_bar() -> Bar:
    # Imported here: commands without a bar do not wait for it.
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bar
    from rich.table import Column

    one_line = Column(no_wrap=True, overflow="ellipsis")
    bar = Bar(
        BarColumn(20),
        TextColumn("{task.description}", markup=False, table_column=one_line),
        console=Console(stderr=True),
        # No thread: loader processes are forked while the bar is shown.
        auto_refresh=False,
        # Results go to stdout, and would be moved to stderr.
        redirect_stdout=False,
    )
    bar.add_task("", total=1)
    bar.start()
    # Whatever ends this process, the terminal has its cursor.
    bar.console.show_cursor(True)
    _BAR.set(bar)
    return bar


def progress_line(what: str, *, unit: str = "", per: int = 1) -> Progress:
    """Return a callback that shows every percent on a terminal, and every tenth elsewhere.

    Args:
        what: what is counted, such as `images`.
        unit: written after the numbers, such as `MiB`.
        per: how many counted things make one unit.
    """
    shown = -1
    first: tuple[float, int] | None = None

    def advance(done: int, total: int) -> None:
        nonlocal shown, first
        now = time.monotonic()
        # From the first call on: what an earlier command had done took no time here.
        first = first or (now, done)
        percent = 100 * done // total if total else 0
        if percent == shown:
            return
        shown = percent
        if on_terminal() or percent % PLAIN_PERCENT == 0:
            amount = f"{done // per:,} of {total // per:,} {unit}".rstrip()
            new = done - first[1]
            left = (now - first[0]) / new * (total - done) if new > 0 else 0.0
            to_go = f", {clock(left)} left" if left >= SOON_SECONDS else ""
            show(percent / 100, f"{what}: {amount} ({percent} %{to_go})")
        if done >= total:
            close()

    return advance


def part_of(progress: Progress | None, number: int, parts: int) -> Progress | None:
    """Return the callback for one of several equal parts of the work, numbered from 0."""
    if progress is None:
        return None
    return lambda done, total: progress(number * total + done, parts * total)


def clock(seconds: float) -> str:
    """Return a time span such as 1:02:03 or 2:03."""
    minutes, rest = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
