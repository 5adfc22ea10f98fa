"""A mode of a benchmark in a process of its own: what a process sets, it sets for all it does."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, NoReturn


class ModeProcess:
    """Does in its process what it is asked: `train_step.Case` by its methods."""

    measured: Any
    """Counts of the other process; times are taken here."""

    def __init__(self, build: Callable[..., Any], *arguments: Any) -> None:
        """Start the process and wait until the case is built."""
        self._mode = str(arguments[0])
        context = multiprocessing.get_context("spawn")
        self._asked, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, build, arguments), daemon=True)
        self._process.start()
        theirs.close()
        _, self.measured = self._receive()

    def count(self) -> None:
        """Count arithmetic, host-device syncs and kept bytes."""
        _, self.measured = self._ask("count")

    def step(self) -> None:
        """Make a batch and train one step on it."""
        _, self.measured = self._ask("step")

    def peak(self) -> None:
        """Measure the GPU memory of a step."""
        _, self.measured = self._ask("peak")

    def timed_step(self) -> tuple[float, int]:
        """Return seconds and page faults of a step."""
        (seconds, faults), _ = self._ask("timed_step")
        return seconds, faults

    def end(self) -> None:
        """End the process, so that its memory is free."""
        self._asked.close()
        self._process.join()

    def _ask(self, method: str) -> tuple[Any, Any]:
        try:
            self._asked.send(method)
        except (BrokenPipeError, ConnectionResetError):
            self._tell_its_end()
        return self._receive()

    def _receive(self) -> tuple[Any, Any]:
        """Return an answer and what was measured so far."""
        try:
            answer, measured = self._asked.recv()
        except (EOFError, ConnectionResetError):
            self._tell_its_end()
        return answer, measured

    def _tell_its_end(self) -> NoReturn:
        self._process.join()
        raise SystemExit(
            f"the process of mode {self._mode} ended with {self._process.exitcode}; -9: the system "
            "ran out of memory and killed it: measure fewer modes at once, or a smaller --batch"
        ) from None


def _serve(asked: Connection, build: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    case = build(*arguments)
    asked.send((None, case.measured))
    while True:
        try:
            method = asked.recv()
        except EOFError:
            return
        asked.send((getattr(case, method)(), case.measured))
