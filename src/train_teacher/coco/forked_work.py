"""Distribution of numbered tasks among forks of this process.

A fork has everything its parent has, so that nothing is sent to it. What a fork does not hand
back, for whatever reason, this process works out itself: an error there is met again here. The
executors of the standard library wait for ever when a worker dies in the middle of an answer, and
their forks outlive a parent that a signal ends: here each fork has a pipe of its own, which shows
either side that the other is gone.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.context import ForkProcess
from threading import Thread
from typing import Any, TypeVar

Result = TypeVar("Result")
PATIENCE = 60
"""Seconds without an answer after which a fork is taken to hang: one that was made while another
thread held a lock finds it held for ever."""


@contextmanager
def shared_tasks(
    work: Callable[[int], Result], tasks: int, forks: int
) -> Iterator[Iterator[Result]]:
    """Run tasks in forks while the caller does other work.

    Args:
        work: from the number of a task to its result, a picklable value.
        tasks: how many there are.
        forks: processes to share them among.

    Yields:
        All results in order; taking one raises what `work` raises.
    """
    results: dict[int, Result] = {}
    processes: list[ForkProcess] = []
    receivers: list[Thread] = []
    try:
        for first in range(forks):
            share = range(first, tasks, forks)
            # Where there is no other process to be had, or none allowed, this one does the work.
            with suppress(OSError, AssertionError):
                process, answers = _start(work, share)
                processes.append(process)
                receivers.append(Thread(target=_receive, args=(answers, share, results)))
        for receiver in receivers:  # no thread before the last fork
            receiver.start()
        yield _in_order(work, tasks, receivers, results)
    finally:
        for process in processes:
            process.kill()
            process.join()


def _in_order(
    work: Callable[[int], Result], tasks: int, receivers: list[Thread], results: dict[int, Result]
) -> Iterator[Result]:
    for receiver in receivers:
        receiver.join()
    for task in range(tasks):
        yield results.pop(task) if task in results else work(task)


def _start(work: Callable[[int], Any], share: range) -> tuple[ForkProcess, Connection]:
    context = get_context("fork")
    answers, ours = context.Pipe(duplex=False)

    def work_for_parent() -> None:
        answers.close()  # else the fork would wait for itself when the parent is gone
        try:
            for task in share:
                ours.send(work(task))
        finally:
            # Nothing of the parent is cleaned up here, and nothing is reported: see `_in_order`.
            os._exit(0)

    process = context.Process(target=work_for_parent, daemon=True)
    with ours, warnings.catch_warnings():
        # Python 3.12 warns of threads in the parent; the child starts and awaits none.
        warnings.simplefilter("ignore", DeprecationWarning)
        process.start()
    return process, answers


def _receive(answers: Connection, share: range, results: dict[int, Any]) -> None:
    """Collect the results of a fork until it is done, dead or silent for too long."""
    with answers, suppress(EOFError, OSError):
        for task in share:
            if not answers.poll(PATIENCE):
                break
            results[task] = answers.recv()
