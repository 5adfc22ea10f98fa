"""Commands that run in forks of a process that has imported everything, and die as by kill -9.

Nothing is flushed, no `finally` runs.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import sys
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

KILLED = 137
CHANGES = frozenset(
    {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate"}
)
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
MODULES = (
    "train_teacher.mmdet_plugin",
    "train_teacher.training.plan",
    "train_teacher.training.resume",
    "train_teacher.prediction.predict",
    "train_teacher.teachers.export",
    "train_teacher.inspection.fix.fix_file",
    "mmdet.models",
)

Moment = int | str
"""Number of the operation to die before, from 1; or a word in the first one to die before."""


def die_before(moment: Moment, folder: Path, told: int) -> None:
    """End this process before an operation that changes files below a folder; tell the others."""
    process = os.getpid()
    done = 0

    def see(event: str, details: tuple[Any, ...]) -> None:
        nonlocal done
        writes = event == "open" and isinstance(details[2], int) and details[2] & WRITING
        if not (writes or event in CHANGES) or os.getpid() != process:
            return
        # Removing a tree names its files relative to an open folder.
        relative = event in {"os.remove", "os.rmdir"} and details[-1] != -1
        if not relative and str(folder) not in str(details[0]):
            return
        done += 1
        what = f"{event} {' '.join(map(str, details))}"
        os.write(told, b".")
        if done == moment or (isinstance(moment, str) and moment in what):
            os._exit(KILLED)

    sys.addaudithook(see)


def serve(requests: Connection, log: Path) -> None:
    """Run commands in forks of this process, until asked to stop."""
    for name in MODULES:
        importlib.import_module(name)
    import torch

    from train_teacher.cli import main

    torch.set_num_threads(1)
    while request := requests.recv():
        prepare, program, arguments, folder, moment = request
        reading, telling = os.pipe()
        process = os.fork()
        if not process:
            output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.dup2(output, 1)
            os.dup2(output, 2)
            sys.argv = [program, *arguments]
            prepare()
            die_before(moment, folder, telling)
            code: Any = 3
            try:
                getattr(main, program)()
            except SystemExit as end:
                code = end.code or 0
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)
        os.close(telling)
        with os.fdopen(reading, "rb") as operations:
            count = len(operations.read())
        _, status = os.waitpid(process, 0)
        requests.send((os.waitstatus_to_exitcode(status), count))


def die_in_epoch(number: int) -> None:
    """Let the process be killed in the first step of an epoch, counted from 1."""
    from train_teacher.mmdet_plugin.loop.train_loop import TeacherTrainLoop

    step = TeacherTrainLoop.run_iter

    def run_or_die(loop: Any, *arguments: Any) -> None:
        if loop.epoch + 1 == number:
            os._exit(KILLED)
        step(loop, *arguments)

    TeacherTrainLoop.run_iter = run_or_die  # type: ignore[method-assign]


def die_after_validation(number: int) -> None:
    """Let the process be killed when a validation has been counted and nothing is made of it."""
    from train_teacher.mmdet_plugin.loop.train_loop import TeacherTrainLoop

    validate = TeacherTrainLoop._validate

    def validate_and_die(loop: Any) -> None:
        validate(loop)
        if loop.epoch == number:
            os._exit(KILLED)

    TeacherTrainLoop._validate = validate_and_die  # type: ignore[method-assign]


def nothing_needed() -> None:
    """Leave everything as it is."""


class Commands:
    """Runs commands in forks of a process that has imported everything."""

    def __init__(self, log: Path) -> None:
        context = multiprocessing.get_context("spawn")
        self.requests, theirs = context.Pipe()
        self.log = log
        self.prepare: Callable[[], None] = nothing_needed
        self.process = context.Process(target=serve, args=(theirs, log), daemon=True)
        self.process.start()

    def prepared(self, prepare: Callable[[], None]) -> Commands:
        """Let this be called in each fork from now on."""
        self.prepare = prepare
        return self

    def kill(self, moment: Moment, folder: Path, program: str, *arguments: object) -> int:
        """Run a command, killed before an operation below a folder; return its exit code."""
        return self._ask(program, arguments, folder, moment)[0]

    def run(self, folder: Path, program: str, *arguments: object) -> int:
        """Run a command to its end; return its operations below a folder."""
        code, count = self._ask(program, arguments, folder, 0)
        assert code == 0, self.log.read_text()[-2000:]
        return count

    def _ask(self, program: str, arguments: Sequence[object], *rest: Any) -> tuple[int, int]:
        self.requests.send((self.prepare, program, [str(a) for a in arguments], *rest))
        answer: tuple[int, int] = self.requests.recv()
        return answer

    def stop(self) -> None:
        self.requests.send(None)
        self.process.join()
