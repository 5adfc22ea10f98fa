"""One run in a folder at a time; a killed run leaves no lock behind.

Two files: `.lock` is held by the process that plans and reports, `.lock.processes` is shared by the
training processes that it started. A launcher that is killed leaves them for the seconds in which
they save, and nobody else may write meanwhile.
"""

from __future__ import annotations

import errno
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
from train_teacher.core.terminal_text import plain

NAME = ".lock"
PROCESSES = ".lock.processes"
LOCK_FILES = frozenset({NAME, PROCESSES})
WAIT_SECONDS = 30.0
"""For the processes that a killed run leaves: they save, and loader processes notice within 5 s."""
POLL_SECONDS = 0.2
ORPHANS = "training processes whose launcher was killed"
# What flock(2) answers on file systems without locks: some network and user-space ones.
NO_LOCKS = frozenset({errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS})


class _Busy(Exception):  # noqa: N818 - a state, not an error
    """Somebody else holds the lock."""

    def __init__(self, holder: str) -> None:
        super().__init__(holder)
        self.holder = holder


@dataclass
class HeldFolder:
    """A locked folder; the lock goes with it when it is renamed."""

    path: Path


@contextmanager
def run_lock(folder: Path, name: Path | None = None) -> Iterator[HeldFolder]:
    """Hold the run folder while a run writes into it.

    The lock belongs to the open file, so the system lets go of it however the process ends.

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
        # The folder may have been removed, and another run may have made it anew.
        if _is_at(file, held.path / NAME):
            (held.path / PROCESSES).unlink(missing_ok=True)
            (held.path / NAME).unlink(missing_ok=True)
        file.close()


@contextmanager
def training_lock(folder: Path) -> Iterator[None]:
    """Share a run folder, locked by the launcher, with its other training processes."""
    if sys.platform == "win32":
        yield
        return
    with _locked(folder / PROCESSES, shared=True):
        yield


def _patiently(folder: Path, name: Path) -> IO[str]:
    """Lock, waiting for what a killed run left behind; a living run is refused at once."""
    deadline = time.monotonic() + WAIT_SECONDS
    told = False
    while True:
        try:
            return _both(folder)
        except _Busy as busy:
            if _lives(busy.holder) or time.monotonic() > deadline:
                raise UserError(
                    f"{name}: a run is writing here ({busy.holder or ORPHANS}). Wait for it or "
                    "stop it, or give another --output; two runs would destroy each other's "
                    "checkpoints."
                ) from None
        except FileNotFoundError:
            raise UserError(
                f"{name}: was removed by another run while this one began. Repeat the command."
            ) from None
        except OSError as error:
            raise UserError(f"{name}: cannot be locked: {error.strerror}.") from error
        if not told:
            told = True
            _say(f"{name}: waiting for the processes of a run that was killed")
        time.sleep(POLL_SECONDS)


def _both(folder: Path) -> IO[str]:
    """Return the locked `.lock`, once no training process is left."""
    file = _locked(folder / NAME)
    left = folder / PROCESSES
    try:
        if left.exists():
            # A lock that is released at once: who starts later has a launcher of its own.
            _locked(left).close()
    except (_Busy, OSError):
        file.close()
        raise
    return file


def _locked(path: Path, *, shared: bool = False) -> IO[str]:
    """Open a file and lock it; without locks on its file system, say so and go on.

    Raises:
        _Busy: somebody else holds it.
    """
    import fcntl

    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX | fcntl.LOCK_NB
    while True:
        file = path.open("a+", encoding="utf-8")
        try:
            fcntl.flock(file, kind)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip()
            file.close()
            raise _Busy(holder) from None
        except OSError as error:
            if error.errno not in NO_LOCKS:
                file.close()
                raise
            _say(
                f"warning: {path.parent}: its file system has no locks ({error.strerror}), so a "
                "second run into this folder would not be noticed. Start only one."
            )
            return file
        # Between open and flock the holder before may have removed the file.
        if _is_at(file, path):
            return file
        file.close()


def _is_at(file: IO[str], path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _lives(holder: str) -> bool:
    """Return whether the process that wrote the lock file may still live."""
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


def _say(text: str) -> None:
    print(plain(text), file=sys.stderr, flush=True)  # noqa: T201 - before there is any log
