"""The run folder: who may use it, and what lies where (design, section 3)."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from train_teacher.core.errors import UserError
from train_teacher.runs.lock import LOCK_FILES

CARD = "teacher.json"
EMPTY_AT_FIRST = frozenset({"checkpoints", "data"})
UNFINISHED = ".unfinished"
"""File in a folder that was empty and is being filled: what else is in it can be made again."""


@dataclass(frozen=True)
class RunFolder:
    """Paths of one run."""

    root: Path

    @property
    def data(self) -> Path:
        """Canonical copies and inspection."""
        return self.root / "data"

    @property
    def config(self) -> Path:
        """What MMEngine's Runner runs."""
        return self.root / "mmdet_config.py"

    @property
    def settings(self) -> Path:
        """Every resolved setting."""
        return self.root / "settings.yaml"

    @property
    def checkpoints(self) -> Path:
        """last.pth and best.pth."""
        return self.root / "checkpoints"

    @property
    def adapter(self) -> Path:
        """The LoRA adapter in PEFT's format (--tune lora)."""
        return self.root / "adapter"

    @property
    def metrics(self) -> Path:
        """One JSON object per logged moment."""
        return self.root / "metrics.jsonl"

    @property
    def log(self) -> Path:
        """MMEngine's full log."""
        return self.root / "train.log"

    @property
    def plots(self) -> Path:
        """Curves as PNG."""
        return self.root / "plots"

    @property
    def report(self) -> Path:
        """The page that explains the run."""
        return self.root / "report.html"

    @property
    def dataset_info(self) -> Path:
        """Facts about the canonical copies, from which the config was generated."""
        return self.data / "dataset_info.json"

    @property
    def record(self) -> Path:
        """What the run was started with, to notice edits of settings and config."""
        return self.data / "started_with.json"

    @property
    def retained(self) -> Path:
        """Canonical copy of the other data set that forgetting is measured on (--retain)."""
        return self.data / "retain.json"

    @property
    def results(self) -> Path:
        """The facts of the finished run."""
        return self.root / "results.json"

    @property
    def freeze_table(self) -> Path:
        """Which parts were trained, and the proof after training."""
        return self.data / "freeze_table.json"

    @property
    def detections_before(self) -> Path:
        """What the base weights detected on the validation split."""
        return self.data / "val_detections_before.npz"

    @property
    def detections_best(self) -> Path:
        """What the best epoch detected on it."""
        return self.data / "val_detections_best.npz"

    def is_whole(self) -> bool:
        """Return whether the folder holds a run, however far it got."""
        whole = self.settings.is_file() and self.config.is_file()
        return whole and not (self.root / UNFINISHED).exists()

    def best_checkpoint(self) -> Path:
        """Return best.pth, or last.pth before the first validation."""
        best = self.checkpoints / "best.pth"
        return best if best.exists() else self.checkpoints / "last.pth"

    def has_results(self) -> bool:
        """Return whether a step, a score or a checkpoint was written."""
        return self.metrics.exists() or any(self.checkpoints.glob("*.pth"))

    def read_metrics(self) -> list[dict[str, Any]]:
        """Return the records of `metrics.jsonl`, oldest first; empty before the first one."""
        if not self.metrics.exists():
            return []
        return [json.loads(line) for line in self.metrics.read_text("utf-8").splitlines()]


def check_free(output: Path) -> RunFolder:
    """Refuse a run folder that is used or cannot be written, touching nothing.

    Raises:
        UserError: the folder holds something, is a file, or cannot be created.
    """
    if output.exists() and not output.is_dir():
        raise UserError(f"--output {output}: is a file; give a folder that does not exist yet.")
    refuse_used(output)
    parent = output if output.is_dir() else output.parent
    while not parent.exists():
        parent = parent.parent
    if not parent.is_dir() or not os.access(parent, os.W_OK | os.X_OK):
        raise UserError(
            f"--output {output}: cannot be written, {parent} does not allow it. Choose a folder "
            "of your own or change its permissions."
        )
    return RunFolder(output)


def refuse_used(root: Path) -> None:
    """Refuse a folder with more in it than what has just begun puts there.

    Raises:
        UserError: somebody's files are in it.
    """
    if not root.exists() or (root / UNFINISHED).exists():
        return
    for entry in root.iterdir():
        ours = entry.name in LOCK_FILES or (entry.name in EMPTY_AT_FIRST and entry.is_dir())
        if not ours or (entry.is_dir() and any(entry.iterdir())):
            raise UserError(
                f"--output {root}: already holds a run or other files, and nothing is "
                f"overwritten. Give another folder, such as {_free_name(root)}."
            )


def _free_name(output: Path) -> Path:
    number = 2
    while (candidate := output.with_name(f"{output.name}-{number}")).exists():
        number += 1
    return candidate
