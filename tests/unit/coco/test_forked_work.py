"""Tasks are shared with forks, and no fork's fate changes a result."""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
import pytest

from train_teacher.coco import forked_work
from train_teacher.coco.forked_work import shared_tasks

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks are used on Linux only")
TASKS = 40


def done(work: Callable[[int], Any], forks: int = 2) -> list[Any]:
    with shared_tasks(work, TASKS, forks) as results:
        return list(results)


def children() -> set[int]:
    found = set()
    for name in os.listdir("/proc"):  # noqa: PTH208 - numbers, not paths
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", encoding="ascii") as file:  # noqa: PTH123
                    if int(file.read().rpartition(")")[2].split()[1]) == os.getpid():
                        found.add(int(name))
            except OSError:
                pass
    return found


@pytest.mark.parametrize("forks", [0, 1, 3])
def test_results_come_in_order_whoever_worked_them_out(forks: int) -> None:
    before = children()
    results = done(lambda task: (task, np.full(task, task), np.eye(3)), forks)

    assert [task for task, _, _ in results] == list(range(TASKS))
    assert all((values == task).all() and len(values) == task for task, values, _ in results)
    assert all((eye == np.eye(3)).all() for _, _, eye in results)
    assert children() == before


def test_forks_do_the_work_and_this_process_is_free_meanwhile() -> None:
    with shared_tasks(lambda _: os.getpid(), TASKS, 2) as results:
        workers = set(results)
    assert len(workers) == 2
    assert os.getpid() not in workers


def test_a_result_larger_than_a_pipe_comes_whole() -> None:
    results = done(lambda task: np.full(100_000, task))
    assert [int(values.sum()) for values in results] == [100_000 * t for t in range(TASKS)]


@pytest.mark.parametrize("end", [lambda: os.kill(os.getpid(), signal.SIGKILL), lambda: 1 / 0])
def test_what_a_lost_fork_had_is_worked_out_here(end: Callable[[], Any]) -> None:
    mine = os.getpid()

    def work(task: int) -> int:
        if os.getpid() != mine and task % 5 == 3:
            end()
        return task

    assert done(work) == list(range(TASKS))


def test_a_fork_lost_in_the_middle_of_an_answer_is_not_awaited(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def send_half(pipe: Connection, answer: Any) -> None:
        os.write(pipe.fileno(), struct.pack("!i", 1000) + b"the rest never comes")
        os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setattr(Connection, "send", send_half)
    assert done(lambda task: task) == list(range(TASKS))


def test_forks_end_when_a_signal_ends_their_parent() -> None:
    program = """
import os, signal
from train_teacher.coco.forked_work import shared_tasks
with shared_tasks(lambda task: bytes(10**6), 1000, 3):
    os.kill(os.getpid(), signal.SIGTERM)
"""
    # The forks have the same output: it is closed when the last of them has ended.
    command = [sys.executable, "-c", program]
    ended = subprocess.run(command, check=False, capture_output=True, timeout=60)
    assert (ended.returncode, ended.stderr) == (-signal.SIGTERM, b"")


def test_an_error_is_met_here_and_leaves_no_process(capfd: pytest.CaptureFixture[str]) -> None:
    before = children()

    def work(task: int) -> int:
        if task == 17:
            raise KeyError(task)
        return task

    with pytest.raises(KeyError, match="17"):
        done(work)
    assert children() == before
    assert capfd.readouterr() == ("", ""), "a fork tells nobody"


def test_results_that_nobody_takes_leave_no_process() -> None:
    before = children()
    with shared_tasks(lambda task: np.full(100_000, task), TASKS, 2):
        pass
    assert children() == before


def test_without_another_process_the_work_is_done_here(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> int:
        raise OSError("no more processes")

    monkeypatch.setattr(os, "fork", refuse)
    assert done(lambda task: task) == list(range(TASKS))


def test_a_process_that_may_have_no_children_does_the_work_itself() -> None:
    process = get_context("fork").Process(target=done, args=(str,), daemon=True)
    process.start()
    process.join()
    assert process.exitcode == 0


def test_a_fork_that_hangs_is_not_awaited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forked_work, "PATIENCE", 0.1)
    mine, before = os.getpid(), children()

    def work(task: int) -> int:
        if os.getpid() != mine and task % 5 == 3:
            signal.pause()
        return task

    assert done(work) == list(range(TASKS))
    assert children() == before
