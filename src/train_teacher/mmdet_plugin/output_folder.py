"""A run whose folder is taken away stops, instead of going on into a folder without its config."""

from __future__ import annotations

from pathlib import Path

from train_teacher.domain.errors import UserError


def require_folder(file: Path) -> None:
    """Check that a file of the run can still be written where it belongs.

    MMEngine would make the folder anew (local_backend.py:76) and train on.

    Args:
        file: about to be written.

    Raises:
        UserError: its folder is gone.
    """
    if not file.parent.is_dir():
        raise UserError(
            f"{file}: cannot be written: the folder {file.parent} was removed or renamed while "
            "the run wrote into it. Training stopped. Put the folder back and go on with "
            "--resume, or start again with another --output."
        )
