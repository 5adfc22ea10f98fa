"""Shares numbered tasks between this process and forks of it.

A fork has everything its parent has, so that nothing is sent to it; the arrays of its results
come back in memory that both have. The executors of the standard library would be imported,
started and fed through pipes in a tenth of a second and more. What a fork does not hand back,
for whatever reason, this process works out itself: an error there is met again here.
"""

from __future__ import annotations

import mmap
import os
import pickle
import select
import signal
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import accumulate
from struct import Struct
from typing import Generic, NamedTuple, NoReturn, TypeVar

Result = TypeVar("Result")
_NUMBER = Struct("<I")
_FRAME = Struct("<IQ")
"""Task, and bytes of its answer."""
_ALIGNED = 64
PATIENCE = 60_000
"""Milliseconds without any answer after which forks are taken to hang: one that was made while
another thread held a lock finds it held for ever."""
MOST_TASKS = 8192
"""Their numbers fit into a pipe that nobody reads yet."""


class _Fork(NamedTuple):
    process: int
    answers: int
    """Pipe that its results come from."""


class _SharedTasks(Generic[Result]):
    """Tasks that are being worked on."""

    def __init__(self, work: Callable[[int], Result], room: Sequence[int]) -> None:
        """Lay out memory and the queue; see `shared_tasks`."""
        self._work = work
        self._tasks = len(room)
        self._results: dict[int, Result] = {}
        self._forks: list[_Fork] = []
        ends = accumulate(-(-size // _ALIGNED) * _ALIGNED for size in room)
        self._places = [0, *ends]
        try:
            # Pages that nobody writes to take no memory.
            self._memory = mmap.mmap(-1, max(self._places[-1], 1))
        except OSError:
            self._places = [0] * len(self._places)
            self._memory = mmap.mmap(-1, 1)
        self._queue, tasks = os.pipe()
        os.write(tasks, b"".join(map(_NUMBER.pack, range(self._tasks))))
        os.close(tasks)

    def start(self, forks: int) -> None:
        """Start working in up to that many processes beside this one."""
        for _ in range(forks):
            # Where there is no other process to be had, this one does the work.
            with suppress(OSError):
                self._forks.append(self._fork())

    def results(self) -> Iterator[Result]:
        """Help with the tasks, and yield all results in order.

        Raises:
            Exception: what `work` raised.
        """
        while (task := self._next()) is not None:
            self._results[task] = self._work(task)
            self._collect(wait=False)
        self._collect(wait=True)
        for task in range(self._tasks):
            yield self._results.pop(task) if task in self._results else self._work(task)

    def stop(self) -> None:
        """End the forks, finished or not."""
        for fork in self._forks:
            os.kill(fork.process, signal.SIGKILL)
            os.waitpid(fork.process, 0)
            os.close(fork.answers)
        os.close(self._queue)

    def _next(self) -> int | None:
        number = os.read(self._queue, _NUMBER.size)
        return _NUMBER.unpack(number)[0] if number else None

    def _fork(self) -> _Fork:
        answers, ours = os.pipe()
        with warnings.catch_warnings():
            # Python 3.12 warns of threads in the parent; the child starts and awaits none.
            warnings.simplefilter("ignore", DeprecationWarning)
            try:
                process = os.fork()
            except OSError:
                os.close(answers)
                os.close(ours)
                raise
        if not process:
            self._work_for_parent(ours)
        os.close(ours)
        return _Fork(process, answers)

    def _work_for_parent(self, answers: int) -> NoReturn:
        failed = 1
        try:
            while (task := self._next()) is not None:
                _write(answers, self._packed(task, self._work(task)))
            failed = 0
        finally:
            # Nothing of the parent is tidied up here, and nobody is told: see `results`.
            os._exit(failed)

    def _packed(self, task: int, result: Result) -> bytes:
        buffers: list[pickle.PickleBuffer] = []
        shell = pickle.dumps(result, 5, buffer_callback=buffers.append)
        places: list[tuple[int, int]] = []
        at = self._places[task]
        for buffer in buffers:
            content = buffer.raw()
            if at + content.nbytes > self._places[task + 1]:
                shell, places = pickle.dumps(result, 5), []
                break
            self._memory[at : at + content.nbytes] = content
            places.append((at, content.nbytes))
            at = -(-(at + content.nbytes) // _ALIGNED) * _ALIGNED
        answer = pickle.dumps((places, shell))
        return _FRAME.pack(task, len(answer)) + answer

    def _collect(self, *, wait: bool) -> None:
        """Take the results that have come; with `wait` all that will come."""
        shared = memoryview(self._memory)
        waiting = select.poll()
        for fork in self._forks:
            waiting.register(fork.answers, select.POLLIN)
        open_ = len(self._forks)
        while open_ and (ready := waiting.poll(PATIENCE if wait else 0)):
            for answers, _ in ready:
                answer = _read_answer(answers)
                if answer is None:
                    waiting.unregister(answers)
                    open_ -= 1
                    continue
                task, content = answer
                places, shell = pickle.loads(content)
                buffers = [shared[at : at + size] for at, size in places]
                self._results[task] = pickle.loads(shell, buffers=buffers)


@contextmanager
def shared_tasks(
    work: Callable[[int], Result], room: Sequence[int], forks: int
) -> Iterator[Iterator[Result]]:
    """Have tasks done by forks while the caller does other work; it helps when it takes results.

    Args:
        work: from the number of a task to its result, a picklable value.
        room: (T,) bytes for the arrays in a result of each task; with more it comes by a pipe.
        forks: processes beside this one.

    Yields:
        All results in order; taking one raises what `work` raises.
    """
    tasks = _SharedTasks(work, room)
    try:
        tasks.start(forks)
        yield tasks.results()
    finally:
        tasks.stop()


def _write(pipe: int, content: bytes) -> None:
    left = memoryview(content)
    while left:
        left = left[os.write(pipe, left) :]


def _read_answer(pipe: int) -> tuple[int, bytes] | None:
    """Return the number and the content of an answer, None when there will be no more."""
    head = _read(pipe, _FRAME.size)
    if head is None:
        return None
    task, size = _FRAME.unpack(head)
    content = _read(pipe, size)
    return None if content is None else (task, content)


def _read(pipe: int, size: int) -> bytes | None:
    parts: list[bytes] = []
    while size:
        part = os.read(pipe, min(size, 2**20))
        if not part:
            return None
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
