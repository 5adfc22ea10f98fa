"""The SHA-256 of a file."""

from __future__ import annotations

import hashlib
from pathlib import Path

HASH_CHUNK_BYTES = 2**20


def sha256_of(path: Path) -> str:
    """Return the hex SHA-256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(HASH_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
