"""Writing a file so that it is either complete or not there."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from train_teacher.core.errors import UserError


def write_atomically(path: Path, data: bytes | str | Iterable[bytes]) -> None:
    """Write a file under a temporary name in the same folder, then rename it.

    Args:
        path: target; replaced when it exists.
        data: content, whole or in parts; text is written as UTF-8.

    Raises:
        UserError: the system refuses (no space, no permission, no such folder).
    """
    content = data.encode("utf-8") if isinstance(data, str) else data
    partial: Path | None = None
    try:
        with tempfile.NamedTemporaryFile(
            dir=path.parent, prefix=f".{path.name}.", delete=False
        ) as file:
            partial = Path(file.name)
            file.writelines([content] if isinstance(content, bytes) else content)
            file.flush()
            os.fsync(file.fileno())
        # mkstemp makes files for the owner only; give it what a plain open() would have.
        partial.chmod(0o666 & ~_umask())
        partial.replace(path)
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror}.") from error
    finally:
        # Also after an interrupt, or when a part could not be made; gone after the rename.
        if partial is not None:
            partial.unlink(missing_ok=True)


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
