"""Data loading processes that outlive the signals that ask a run to save and stop.

Ctrl-C, `kill` of a process group, Slurm and systemd send the signal to every process. A loading
process that obeyed would take the step with it that the run is about to finish and save.
"""

from __future__ import annotations

import atexit
import multiprocessing
import signal
from collections.abc import Callable
from functools import cache, partial

from torch.utils.data import DataLoader

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def keep_from_signals(loader: DataLoader[object]) -> None:
    """Let the processes of a loader end when it does, or the process that started them.

    PyTorch ends them through their queue, and they look every five seconds whether their parent
    is still there (torch/utils/data/_utils/worker.py: ManagerWatchdog), so they need no signal.

    Args:
        loader: before its first batch.
    """
    if loader.num_workers:
        loader.worker_init_fn = partial(_start, loader.worker_init_fn)
        _end_at_exit()


def _start(then: Callable[[int], None] | None, worker_id: int) -> None:
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    if then is not None:
        then(worker_id)


@cache
def _end_at_exit() -> None:
    """Before multiprocessing does: it sends SIGTERM at exit, and waits for ever."""
    atexit.register(end_loading_processes)


def end_loading_processes() -> None:
    """End what still loads when this process ends; a loading process has nothing to save."""
    for process in multiprocessing.active_children():
        if process.daemon:
            process.kill()
