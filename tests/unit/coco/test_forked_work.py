"""Tasks are shared with forks, and no fork's fate changes a result."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from train_teacher.coco import forked_work
from train_teacher.coco.forked_work import shared_tasks

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks are used on Linux only")
TASKS, ROOM = 40, 4096


def done(
    work: Callable[[int], Any], forks: int = 2, room: int = ROOM, before: Callable[[], None] = int
) -> list[Any]:
    with shared_tasks(work, [room] * TASKS, forks) as results:
        before()
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
@pytest.mark.parametrize("room", [0, 100, ROOM])
def test_results_come_in_order_whoever_worked_them_out(forks: int, room: int) -> None:
    before = children()
    results = done(lambda task: (task, np.full(task, task), np.eye(3)), forks, room)

    assert [task for task, _, _ in results] == list(range(TASKS))
    assert all((values == task).all() and len(values) == task for task, values, _ in results)
    assert all((eye == np.eye(3)).all() for _, _, eye in results)
    assert children() == before


def test_forks_do_take_part() -> None:
    mine, before = os.getpid(), set(children())
    with shared_tasks(lambda _: os.getpid(), [0] * TASKS, 1) as results:
        (fork,) = set(children()) - before
        os.waitid(os.P_PID, fork, os.WEXITED | os.WNOWAIT)
        assert set(results) == {fork} != {mine}


def test_a_result_larger_than_a_pipe_comes_whole() -> None:
    results = done(lambda task: np.full(100_000, task), 2, 0)
    assert [int(values.sum()) for values in results] == [100_000 * t for t in range(TASKS)]


@pytest.mark.parametrize("end", [lambda: os.kill(os.getpid(), signal.SIGKILL), lambda: 1 / 0])
def test_what_a_lost_fork_had_is_worked_out_here(end: Callable[[], Any]) -> None:
    mine = os.getpid()

    def work(task: int) -> int:
        if os.getpid() != mine and task % 5 == 3:
            end()
        return task

    assert done(work) == list(range(TASKS))


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
    with shared_tasks(lambda task: task, [0] * TASKS, 2):
        pass
    assert children() == before


def test_without_another_process_the_work_is_done_here(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> int:
        raise OSError("no more processes")

    monkeypatch.setattr(os, "fork", refuse)
    assert done(lambda task: task) == list(range(TASKS))


def test_a_fork_that_hangs_is_not_awaited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forked_work, "PATIENCE", 100)
    mine, before = os.getpid(), children()

    def work(task: int) -> int:
        if os.getpid() != mine and task % 5 == 3:
            signal.pause()
        return task

    assert done(work) == list(range(TASKS))
    assert children() == before
