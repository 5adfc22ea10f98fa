from __future__ import annotations

import hashlib
from pathlib import Path

from train_teacher.core.file_digest import HASH_CHUNK_BYTES, sha256_of


def test_the_digest_is_that_of_all_bytes(tmp_path: Path) -> None:
    content = b"abc" * HASH_CHUNK_BYTES
    (tmp_path / "a").write_bytes(content)
    assert sha256_of(tmp_path / "a") == hashlib.sha256(content).hexdigest()
