"""Locks: one run in a folder at a time; a killed run leaves no lock behind.

Two files: `.lock` is held by the process that plans and reports, `.lock.processes` is shared by the
training processes that it started. A launcher that is killed leaves them for the seconds in which
they save, and nobody else may write meanwhile.
"""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from train_teacher.core.errors import UserError
from train_teacher.core.file_lock import Busy, is_at, locked, say

NAME = ".lock"
PROCESSES = ".lock.processes"
LOCK_FILES = frozenset({NAME, PROCESSES})
WAIT_SECONDS = 30.0
"""For the processes that a killed run leaves: they save, and loader processes notice within 5 s."""
POLL_SECONDS = 0.2
ORPHANS = "training processes whose launcher was killed"


@dataclass
class HeldFolder:
    """A locked folder; the lock goes with it when it is renamed."""

    path: Path


@contextmanager
def run_lock(folder: Path, name: Path | None = None) -> Iterator[HeldFolder]:
    """Lock the run folder while a run writes into it.

    The lock belongs to the open file, so the system releases it however the process ends.

    Args:
        folder: an existing run folder.
        name: what the user calls it, where that is another.

    Yields:
        The folder; who renames it while it is locked says so there.

    Raises:
        UserError: another process holds it, or the folder is gone.
    """
    held = HeldFolder(folder)
    if sys.platform == "win32":
        yield held  # no advisory locks there; the used folder is still refused without --resume
        return
    file = _patiently(folder, name or folder)
    try:
        with suppress(OSError):
            file.seek(0)
            file.truncate()
            file.write(f"process {os.getpid()} on {socket.gethostname()}")
            file.flush()
        yield held
    finally:
        # The folder may have been removed, and another run may have recreated it.
        if is_at(file, held.path / NAME):
            (held.path / PROCESSES).unlink(missing_ok=True)
            (held.path / NAME).unlink(missing_ok=True)
        file.close()


@contextmanager
def training_lock(folder: Path) -> Iterator[None]:
    """Share a run folder, locked by the launcher, with its other training processes."""
    if sys.platform == "win32":
        yield
        return
    with locked(folder / PROCESSES, shared=True):
        yield


def _patiently(folder: Path, name: Path) -> IO[str]:
    """Lock, waiting for the processes of a killed run; a running one is refused at once."""
    deadline = time.monotonic() + WAIT_SECONDS
    told = False
    while True:
        try:
            return _both(folder)
        except Busy as busy:
            if _lives(busy.holder) or time.monotonic() > deadline:
                raise UserError(
                    f"{name}: a run is writing here ({busy.holder or ORPHANS}). Wait for it or "
                    "stop it, or give another --output; two runs would destroy each other's "
                    "checkpoints."
                ) from None
        except FileNotFoundError:
            raise UserError(
                f"{name}: was removed by another run as this one started. Repeat the command."
            ) from None
        except OSError as error:
            raise UserError(f"{name}: cannot be locked: {error.strerror}.") from error
        if not told:
            told = True
            say(f"{name}: waiting for the processes of a run that was killed")
        time.sleep(POLL_SECONDS)


def _both(folder: Path) -> IO[str]:
    """Return the locked `.lock`, once no training process is left."""
    file = locked(folder / NAME)
    left = folder / PROCESSES
    try:
        if left.exists():
            # A lock that is released at once: who starts later has a launcher of its own.
            locked(left).close()
    except (Busy, OSError):
        file.close()
        raise
    return file


def _lives(holder: str) -> bool:
    """Return whether the process that wrote the lock file may still be running."""
    number, _, host = holder.removeprefix("process ").partition(" on ")
    if not number.isdigit() or host != socket.gethostname():
        # Unknown is taken for alive, but the processes of a dead launcher write nothing.
        return bool(holder)
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
