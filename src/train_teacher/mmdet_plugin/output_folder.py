"""Writing into the run folder: the failing file is named, a removed folder stops the run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from train_teacher.core.errors import UserError


def require_folder(file: Path) -> None:
    """Check that a file of the run can still be written where it belongs.

    MMEngine would recreate the folder (local_backend.py:76) and train on.

    Raises:
        UserError: its folder is gone.
    """
    if not file.parent.is_dir():
        raise UserError(
            f"{file}: cannot be written: the folder {file.parent} was removed or renamed while "
            "the run wrote into it. Training stopped. Put the folder back and continue "
            "with --resume, or start again with another --output."
        )


@contextmanager
def naming(file: Path) -> Iterator[None]:
    """Name the file that is being written: a full disk does not (write(2) has no path).

    Raises:
        UserError: the system refuses.
    """
    require_folder(file)
    try:
        yield
    except OSError as error:
        raise UserError(
            f"{file}: cannot be written: {error.strerror}. Training stopped, the last checkpoint "
            "is kept. Free some space or repair the disk, then continue with --resume."
        ) from error
