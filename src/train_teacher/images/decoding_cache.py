"""Cache of decoding results, valid until a file changes."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path

FileKey = tuple[str, int, int]
"""Absolute path, size in bytes and modification time in nanoseconds."""
FILE_NAME = "images.sqlite"
WAIT_SECONDS = 5.0


def image_cache_file() -> Path:
    """Return the file of the cache; TRAIN_TEACHER_CACHE names another folder."""
    own = os.environ.get("TRAIN_TEACHER_CACHE")
    if own:
        return Path(own).expanduser().resolve() / FILE_NAME
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "train-teacher" / FILE_NAME


def file_key(path: str) -> FileKey | None:
    """Return the identity of a file's present content, None when it cannot be read."""
    try:
        status = Path(path).stat()
    except OSError:
        return None
    return str(Path(path).absolute()), status.st_size, status.st_mtime_ns


def recall(keys: Sequence[FileKey], version: str, file: Path | None = None) -> dict[str, bytes]:
    """Return the cached values by path; nothing when there is no usable cache.

    Args:
        version: what the values depend on besides the file, such as the decoder's release.
        file: the cache; by default that of the user.
    """
    import sqlite3

    file = file or image_cache_file()
    if not file.is_file() or not keys:
        return {}
    try:
        with closing(sqlite3.connect(file, timeout=WAIT_SECONDS)) as connection:
            query = "SELECT value FROM images WHERE path=? AND size=? AND time=? AND version=?"
            found = {key[0]: connection.execute(query, (*key, version)).fetchone() for key in keys}
    except sqlite3.Error:
        return {}
    return {path: row[0] for path, row in found.items() if row is not None}


def remember(values: Mapping[FileKey, bytes], version: str, file: Path | None = None) -> None:
    """Store values in one transaction; a cache that cannot be written is skipped.

    Args:
        file: the cache; by default that of the user.
    """
    import sqlite3

    if not values:
        return
    file = file or image_cache_file()
    rows = [(*key, version, value) for key, value in values.items()]
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        _store(file, rows)
    except (OSError, sqlite3.OperationalError):
        return  # forbidden, locked or full: leave it to whoever uses it
    except sqlite3.DatabaseError:
        # Not a database: nothing of worth is lost.
        with suppress(OSError, sqlite3.Error):
            file.unlink()
            _store(file, rows)


def _store(file: Path, rows: Sequence[tuple[str, int, int, str, bytes]]) -> None:
    import sqlite3

    with closing(sqlite3.connect(file, timeout=WAIT_SECONDS)) as connection, connection:
        connection.execute(
            "CREATE TABLE IF NOT EXISTS images "
            "(path TEXT PRIMARY KEY, size INTEGER, time INTEGER, version TEXT, value BLOB)"
        )
        connection.executemany("INSERT OR REPLACE INTO images VALUES (?, ?, ?, ?, ?)", rows)
