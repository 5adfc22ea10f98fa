"""Name and SHA-256 of the file a model started from, so that nothing is built on another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from train_teacher.core.errors import UserError
from train_teacher.core.file_digest import sha256_of


@dataclass(frozen=True)
class BaseIdentity:
    """A base checkpoint, as run folders and adapters remember it."""

    name: str
    sha256: str

    def to_dict(self) -> dict[str, str]:
        """Return what is written into checkpoints and teacher.json."""
        return {"name": self.name, "sha256": self.sha256}


def identify_base(path: Path) -> BaseIdentity:
    """Return the identity of a file; an unchanged file is read once in a process.

    Raises:
        UserError: it cannot be read.
    """
    try:
        status = path.stat()
        digest = _sha256(str(path.resolve()), status.st_size, status.st_mtime_ns)
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}.") from error
    return BaseIdentity(path.name, digest)


@lru_cache(maxsize=16)
def _sha256(path: str, size: int, modified_ns: int) -> str:
    """Hash a file; size and time of change are arguments so that a changed file is read again."""
    return sha256_of(Path(path))


def refuse_other_base(
    source: Path, wanted: Mapping[str, Any] | None, present: BaseIdentity | None
) -> None:
    """Compare the base that a file was trained on with the one the model was built from.

    Args:
        source: the checkpoint or adapter, for the message.
        wanted: `name` and `sha256` from it; None when it needs no base.
        present: what the model was built from; None for random weights.

    Raises:
        UserError: they differ.
    """
    if wanted is None or (present is not None and wanted.get("sha256") == present.sha256):
        return
    here = f"{present.name} (SHA-256 {present.sha256[:12]})" if present else "random weights"
    raise UserError(
        f"{source}: was trained on the base {wanted.get('name')} (SHA-256 "
        f"{str(wanted.get('sha256'))[:12]}), but the model was built from {here}. It holds only "
        "what training changed, so on another base its outputs would be meaningless. Give the "
        "right file: --weights PATH."
    )
