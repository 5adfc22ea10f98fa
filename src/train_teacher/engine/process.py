"""A training process: one on this machine, or one of several that belong together.

Started as `python -m train_teacher.engine.process RUN` by the launcher.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from train_teacher.console import progress
from train_teacher.core.errors import UserError
from train_teacher.engine import machine
from train_teacher.engine import runner as mmengine_runner
from train_teacher.runs.lock import training_lock

if TYPE_CHECKING:
    from mmengine.runner import Runner

EXIT_FAILED, EXIT_INTERRUPTED = 1, 130
PARENT_DEATH_SIGNAL = 1
"""PR_SET_PDEATHSIG of Linux's prctl."""
FAILURE = ".failure-{rank}"
"""File in the run folder in which a process leaves the message of the error that ended it."""


def train(runner: Runner, log: Path) -> int:
    """Train to the end.

    Args:
        runner: built.
        log: `train.log`, for what upstream prints.

    Returns:
        Optimizer steps done.

    Raises:
        UserError: training cannot continue.
        KeyboardInterrupt: asked to stop; the state is saved.
    """
    if next(runner.model.parameters()).device.type == "cpu":
        machine.prepare_cpu()
    with mmengine_runner.stdout_to_log(log):
        try:
            runner.train()
        except UserError as error:
            raise UserError(without_worker_traceback(str(error))) from error
        finally:
            progress.close()
    return int(runner.iter)


def without_worker_traceback(message: str) -> str:
    """Return the message of an error that a data loading process raised.

    PyTorch hands it on with the whole traceback of the process as its text.
    """
    if "Original Traceback" not in message:
        return message
    lines = message.splitlines()
    starts = [n for n, line in enumerate(lines) if "UserError: " in line]
    if not starts:
        return message
    return "\n".join([lines[starts[-1]].split("UserError: ", 1)[1], *lines[starts[-1] + 1 :]])


def main(arguments: list[str] | None = None) -> int:
    """Run one of several training processes.

    Returns:
        Exit code; the message of a failure is left in the run folder for the launcher.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--resume-from", type=Path)
    parser.add_argument("--launcher", type=int, required=True)
    options = parser.parse_args(arguments)
    folder: Path = options.folder
    _end_with_launcher()
    try:
        with training_lock(folder):
            if os.getppid() != options.launcher:
                return EXIT_INTERRUPTED  # it died before Linux was asked to tell
            with mmengine_runner.stdout_to_log(folder / "train.log"):
                runner = mmengine_runner.build_runner(
                    folder / "mmdet_config.py", launcher="pytorch", resume_from=options.resume_from
                )
            train(runner, folder / "train.log")
            mmengine_runner.leave_others()
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the outermost boundary of this process
        _leave_message(folder, error)
        return EXIT_FAILED
    return 0


def _leave_message(folder: Path, error: Exception) -> None:
    """Report an error to the launcher, with the traceback in the log if it is not the user's."""
    message = str(error)
    rank = os.environ.get("RANK", "0")
    try:
        if not isinstance(error, UserError):
            log = folder / "train.log"
            with log.open("a", encoding="utf-8") as file:
                traceback.print_exception(error, file=file)
            message = f"{type(error).__name__}: {error}\nDetails: {log}"
        (folder / FAILURE.format(rank=rank)).write_text(message, encoding="utf-8")
    except OSError:
        # The disk is full or the folder gone; the launcher shares this process's stderr.
        print(f"process {rank}: {message}", file=sys.stderr, flush=True)  # noqa: T201


def _end_with_launcher() -> None:
    """Ask Linux for a SIGTERM when the launcher dies: the process saves and stops."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(PARENT_DEATH_SIGNAL, int(signal.SIGTERM))


if __name__ == "__main__":
    sys.exit(main())
