"""Commands that die as by kill -9, before any of their file operations.

Nothing is flushed, no `finally` runs.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from commands import start_command

KILLED = 137
CHANGES = frozenset(
    {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate"}
)
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
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


def prepare_to_die(
    prepare: Callable[[], None], moment: Moment, folder: Path, operations: Path
) -> None:
    """Prepare a process that counts its operations below a folder and dies before one."""
    prepare()
    die_before(moment, folder, os.open(operations, os.O_WRONLY | os.O_CREAT | os.O_TRUNC))


class Commands:
    """Commands that can be killed at any of their file operations."""

    def __init__(self, operations: Path) -> None:
        self.operations = operations
        """File with a byte for each operation of the last command."""
        self.prepare: Callable[[], None] = nothing_needed

    def prepared(self, prepare: Callable[[], None]) -> Commands:
        """Let this be called in each process from now on."""
        self.prepare = prepare
        return self

    def kill(self, moment: Moment, folder: Path, program: str, *arguments: object) -> int:
        """Run a command, killed before an operation below a folder; return its exit code."""
        prepare = partial(prepare_to_die, self.prepare, moment, folder, self.operations)
        with start_command(program, *arguments, prepare=prepare) as command:
            self.done = command.finished(timeout=400)
        return self.done.returncode

    def run(self, folder: Path, program: str, *arguments: object) -> int:
        """Run a command to its end; return its operations below a folder."""
        code = self.kill(0, folder, program, *arguments)
        assert code == 0, self.done.stderr[-2000:]
        return self.operations.stat().st_size

    def uninterrupted(self, output: Path, program: str, *arguments: object) -> Path:
        """Train to the end; return the run folder."""
        self.prepared(nothing_needed).run(output, program, *arguments, "--output", output)
        return output
