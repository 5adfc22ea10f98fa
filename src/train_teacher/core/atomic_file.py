"""Atomic writing: a file is either complete or absent."""

from __future__ import annotations

import glob
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from train_teacher.core.errors import UserError

PARTIAL = ".partial"
"""Suffix of files that are being written; their names begin with a dot."""


@contextmanager
def replacing(path: Path, keep_as: Path | None = None) -> Iterator[Path]:
    """Write a file under a temporary name and rename it once it is complete.

    Args:
        path: target; replaced when it exists, left as it is when the block raises.
        keep_as: name under which the file before stays, in the same folder.

    Yields:
        An empty file in the target's folder, to be written and closed within the block.

    Raises:
        OSError: the system refuses (no space, no permission, no such folder).
    """
    descriptor, name = tempfile.mkstemp(PARTIAL, f".{path.name}.", path.parent)
    os.close(descriptor)
    partial = Path(name)
    try:
        yield partial
        with partial.open("rb+") as file:
            os.fsync(file.fileno())
        # mkstemp makes files for the owner only; give it what a plain open() would have.
        partial.chmod(0o666 & ~_umask())
        if keep_as is not None and path.exists():
            _keep(path, keep_as)
        partial.replace(path)
    finally:
        # Also after an interrupt, or when the block raised; gone after the rename.
        partial.unlink(missing_ok=True)


def write_atomically(path: Path, data: bytes | str | Iterable[bytes]) -> None:
    """Write a file, text as UTF-8, under a temporary name in the same folder, then rename it.

    Raises:
        UserError: the system refuses (no space, no permission, no such folder).
    """
    content = data.encode("utf-8") if isinstance(data, str) else data
    try:
        with replacing(path) as partial, partial.open("wb") as file:
            file.writelines([content] if isinstance(content, bytes) else content)
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror}.") from error


def require_new(option: str, path: Path | None) -> None:
    """Refuse a file that could not be written, before the work for it starts.

    Args:
        option: that named it.
        path: None when it was not given.

    Raises:
        UserError: it exists, or its folder does not.
    """
    if path is None:
        return
    if path.exists():
        raise UserError(f"{option} {path}: exists, and nothing is overwritten.")
    if not path.parent.is_dir():
        raise UserError(f"{option} {path}: there is no folder {path.parent}.")


def remove_left(path: Path) -> None:
    """Remove temporary files left by killed processes.

    No other process may be writing the file.
    """
    for left in path.parent.glob(f".{glob.escape(path.name)}.*{PARTIAL}"):
        remove(left)


def remove(path: Path) -> None:
    """Remove a file, or a folder with everything in it; one that is gone is fine."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _keep(path: Path, name: Path) -> None:
    """Give a file a second name, so that its own name is never missing."""
    spare = name.with_name(f".{name.name}{PARTIAL}")
    spare.unlink(missing_ok=True)
    try:
        os.link(path, spare)
    except OSError:
        spare = path  # a file system without links
    spare.replace(name)


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
