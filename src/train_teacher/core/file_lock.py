"""Locks that the system releases however their process ends."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from train_teacher.core.errors import UserError
from train_teacher.core.terminal_text import plain

# What flock(2) answers on file systems without locks: some network and user-space ones.
NO_LOCKS = frozenset({errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS})


class Busy(Exception):  # noqa: N818 - a state, not an error
    """Another process holds the lock."""

    def __init__(self, holder: str) -> None:
        """Store the holder's description of itself."""
        super().__init__(holder)
        self.holder = holder


@contextmanager
def held_output(file: Path, output: str) -> Iterator[None]:
    """Lock an output by the file of its unfinished work, which is removed if it stays empty.

    Args:
        file: made if it is not there.
        output: option and place, as the user gave them.

    Raises:
        UserError: another command writes there, or the system refuses.
    """
    if sys.platform == "win32":
        yield  # no advisory locks there
        return
    try:
        lock = locked(file)
    except Busy:
        raise UserError(
            f"{output}: another command is writing this file now, and two would spoil each "
            "other's work. Wait for it or stop it, or give another name."
        ) from None
    except OSError as error:
        raise UserError(f"{output}: cannot be written: {error.strerror}.") from error
    try:
        yield
    finally:
        if is_at(lock, file) and not file.stat().st_size:
            file.unlink()
        lock.close()


def locked(path: Path, *, shared: bool = False) -> IO[str]:
    """Open a file and lock it; on a file system without locks, warn and continue.

    Raises:
        Busy: another process holds it.
    """
    import fcntl

    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX | fcntl.LOCK_NB
    while True:
        file = path.open("a+", encoding="utf-8")
        try:
            fcntl.flock(file, kind)
        except BlockingIOError:
            file.seek(0)
            holder = file.read(200).strip()
            file.close()
            raise Busy(holder) from None
        except OSError as error:
            if error.errno not in NO_LOCKS:
                file.close()
                raise
            say(
                f"warning: {path.parent}: its file system has no locks ({error.strerror}), so a "
                "second run into this folder would not be noticed. Start only one."
            )
            return file
        # Between open and flock the holder before may have removed the file.
        if is_at(file, path):
            return file
        file.close()


def is_at(file: IO[str], path: Path) -> bool:
    """Return whether an open file is still at its path."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def say(text: str) -> None:
    """Print a message before there is any log."""
    print(plain(text), file=sys.stderr, flush=True)  # noqa: T201
