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
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from struct import Struct
from typing import Any, Generic, NoReturn, TypeVar

Result = TypeVar("Result")
_NUMBER = Struct("<I")
_FRAME = Struct("<IQ")
"""Task, and bytes of its answer."""
_ALIGNED = 64
MOST_TASKS = 8192
"""Their numbers fit into a pipe that nobody reads yet."""


@dataclass
class _Fork:
    process: int
    answers: int
    """Pipe that its results come from."""


@dataclass
class SharedTasks(Generic[Result]):
    """Tasks that are being worked on.

    Args:
        work: from the number of a task to its result.
        room: (T,) bytes that the arrays of a result may take; with more it comes by a pipe.
    """

    work: Callable[[int], Result]
    room: list[int]
    _results: dict[int, Result] = field(default_factory=dict)
    _forks: list[_Fork] = field(default_factory=list)
    _queue: int = -1

    def start(self, forks: int) -> None:
        """Start working in up to that many processes beside this one."""
        self._starts = [0]
        for size in self.room:
            self._starts.append(-(-(self._starts[-1] + size) // _ALIGNED) * _ALIGNED)
        self._memory = mmap.mmap(-1, max(self._starts[-1], 1))
        self._queue, tasks = os.pipe()
        os.write(tasks, b"".join(map(_NUMBER.pack, range(len(self.room)))))
        os.close(tasks)
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
            self._results[task] = self.work(task)
            self._collect(wait=False)
        self._collect(wait=True)
        for task in range(len(self.room)):
            yield self._results.pop(task) if task in self._results else self.work(task)

    def stop(self) -> None:
        """End the forks, finished or not."""
        for fork in self._forks:
            os.kill(fork.process, signal.SIGKILL)
            os.waitpid(fork.process, 0)
            os.close(fork.answers)
        if self._queue >= 0:
            os.close(self._queue)

    def _next(self) -> int | None:
        number = os.read(self._queue, _NUMBER.size)
        return _NUMBER.unpack(number)[0] if number else None

    def _fork(self) -> _Fork:
        answers, ours = os.pipe()
        with warnings.catch_warnings():
            # Python 3.12 warns of threads in the parent; the child starts and awaits none.
            warnings.simplefilter("ignore", DeprecationWarning)
            process = os.fork()
        if not process:
            self._work_for_parent(ours)
        os.close(ours)
        return _Fork(process, answers)

    def _work_for_parent(self, answers: int) -> NoReturn:
        failed = 1
        try:
            while (task := self._next()) is not None:
                _write(answers, self._packed(task, self.work(task)))
            failed = 0
        finally:
            # Nothing of the parent is tidied up here, and nobody is told: see `results`.
            os._exit(failed)

    def _packed(self, task: int, result: Result) -> bytes:
        buffers: list[pickle.PickleBuffer] = []
        shell = pickle.dumps(result, 5, buffer_callback=buffers.append)
        places: list[tuple[int, int]] = []
        at = self._starts[task]
        for buffer in buffers:
            content = buffer.raw()
            if at + content.nbytes > self._starts[task + 1]:
                shell, places = pickle.dumps(result, 5), []
                break
            self._memory[at : at + content.nbytes] = content
            places.append((at, content.nbytes))
            at = -(-(at + content.nbytes) // _ALIGNED) * _ALIGNED
        answer = pickle.dumps((places, shell))
        return _FRAME.pack(task, len(answer)) + answer

    def _collect(self, *, wait: bool) -> None:
        """Take the results that have come, or all that will."""
        shared = memoryview(self._memory)
        open_ = {fork.answers for fork in self._forks}
        while open_:
            ready, _, _ = select.select(list(open_), [], [], None if wait else 0)
            if not ready:
                return
            for answers in ready:
                answer = _read_answer(answers)
                if answer is None:
                    open_.remove(answers)
                    continue
                task, content = answer
                places, shell = pickle.loads(content)
                buffers = [shared[at : at + size] for at, size in places]
                self._results[task] = pickle.loads(shell, buffers=buffers)


@contextmanager
def shared_tasks(
    work: Callable[[int], Result], room: list[int], forks: int
) -> Iterator[Iterator[Result]]:
    """Have tasks done by forks while the caller does other work; it helps when it takes results.

    Args:
        work: from the number of a task to its result, a picklable value.
        room: (T,) bytes for the arrays in a result of each task; with more it comes by a pipe.
        forks: processes beside this one.
    """
    tasks = SharedTasks(work, room)
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
    parts: list[Any] = []
    while size:
        part = os.read(pipe, min(size, 2**20))
        if not part:
            return None
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
