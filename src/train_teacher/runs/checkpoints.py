"""The checkpoints of a run folder: the newest readable one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from train_teacher.core.errors import UserError

NEWEST_FIRST = ("last.pth", "previous.pth")


@dataclass(frozen=True)
class FoundCheckpoint:
    """A checkpoint that a run can resume from."""

    checkpoint: Path | None
    """None when nothing was saved."""
    epoch: int = 0
    """Epochs done."""
    step: int = 0
    """Optimizer steps done."""
    base: Mapping[str, Any] | None = None
    """`name` and `sha256` of the weights that it was trained on; None when it needs none."""
    notes: tuple[str, ...] = ()


class _Meta(msgspec.Struct):
    epoch: int
    iter: int
    base: dict[str, Any] | None = None


def newest_usable(folder: Path) -> FoundCheckpoint:
    """Return the newest checkpoint of a run that is not damaged.

    Raises:
        UserError: there are some, and all are damaged.
    """
    from train_teacher.mmdet_plugin.checkpoints.files import read_checkpoint

    notes: list[str] = []
    for name in NEWEST_FIRST:
        path = folder / name
        if not path.exists():
            continue
        try:
            meta = msgspec.convert(read_checkpoint(path)["meta"], _Meta)
        except UserError as error:
            notes.append(f"{error} The one before it is used.")
            continue
        except msgspec.ValidationError as error:
            notes.append(f"{path}: is damaged: {error}. The one before it is used.")
            continue
        return FoundCheckpoint(path, meta.epoch, meta.iter, meta.base, tuple(notes))
    if notes:
        raise UserError(
            f"--resume: no checkpoint in {folder} can be read: {notes[0]} Remove the folder and "
            "start again; best.pth, if there is one, can still be used by teacher predict."
        )
    return FoundCheckpoint(None)
