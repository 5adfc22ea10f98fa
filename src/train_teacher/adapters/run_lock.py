"""One run in a folder at a time; a killed run leaves no lock behind."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from train_teacher.domain.errors import UserError

NAME = ".lock"


@contextmanager
def run_lock(folder: Path) -> Iterator[None]:
    """Hold the run folder while a run writes into it.

    The lock belongs to the open file, so the system lets go of it however the process ends.

    Args:
        folder: an existing run folder.

    Raises:
        UserError: another process holds it.
    """
    if sys.platform == "win32":
        yield  # no advisory locks there; the used folder is still refused without --resume
        return
    import fcntl

    path = folder / NAME
    with path.open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "another process"
            raise UserError(
                f"{folder}: a run is writing here ({holder}). Wait for it or stop it, or give "
                "another --output; two runs would destroy each other's checkpoints."
            ) from None
        file.seek(0)
        file.truncate()
        file.write(f"process {os.getpid()} on {socket.gethostname()}")
        file.flush()
        try:
            yield
        finally:
            path.unlink(missing_ok=True)
