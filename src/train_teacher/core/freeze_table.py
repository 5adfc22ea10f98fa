"""Trained and frozen parts of a model: written by the training, shown by the report."""

from __future__ import annotations

from pathlib import Path

import msgspec

from train_teacher.core.atomic_file import write_atomically
from train_teacher.core.json_file import read_json

FILE_NAME = "freeze_table.json"


class ModelPart(msgspec.Struct, frozen=True):
    """A direct sub-module of the model."""

    name: str
    parameters: int
    trainable: int
    """Of `parameters`."""
    note: str = ""
    """The moment at which the part joins the training, or has joined it."""

    @property
    def state(self) -> str:
        """Return `frozen`, `trainable`, or how many parameters are, and when that changes."""
        state = f"{self.trainable:,} trainable"
        if self.trainable in (0, self.parameters):
            state = "trainable" if self.trainable else "frozen"
        return f"{state}, {self.note}" if self.note else state


class FreezeTable(msgspec.Struct, frozen=True):
    """The parts of a model, and the effect of training on them."""

    parts: tuple[ModelPart, ...]
    proof: str = ""
    """One sentence after training on the tensors that changed and those that did not."""

    def __str__(self) -> str:
        """Return one line per part, their sum, and the proof."""
        everything = sum(part.parameters for part in self.parts)
        learning = sum(part.trainable for part in self.parts)
        share = 100 * learning / max(everything, 1)
        rows = [
            ("part", "parameters", "state"),
            *((part.name, f"{part.parameters:,}", part.state) for part in self.parts),
            ("total", f"{everything:,}", f"{learning:,} trainable ({share:.3g} %)"),
        ]
        lines = [f"{name:<20} {count:>13}  {state}" for name, count, state in rows]
        return "\n".join([*lines, *([f"proof: {self.proof}"] if self.proof else [])])


def write_freeze_table(path: Path, table: FreezeTable) -> None:
    """Write a table, making its folder.

    Raises:
        UserError: the system refuses.
    """
    path.parent.mkdir(exist_ok=True)
    write_atomically(path, msgspec.json.format(msgspec.json.encode(table)) + b"\n")


def read_freeze_table(path: Path) -> FreezeTable | None:
    """Return the table of a run, None for a run that wrote none or a damaged one."""
    try:
        return read_json(path, FreezeTable)
    except (OSError, msgspec.DecodeError):
        return None
