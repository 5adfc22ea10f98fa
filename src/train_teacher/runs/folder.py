"""The run folder: access to it, and the paths in it (design, section 3)."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import msgspec

from train_teacher.core.atomic_file import PARTIAL, remove
from train_teacher.core.errors import UserError
from train_teacher.core.json_file import decode_json, read_json
from train_teacher.runs.lock import LOCK_FILES

CARD = "teacher.json"
UNFINISHED = ".unfinished"
"""Folder in one that was empty: what is written there until it is complete."""
MOVING = ".moving.json"
"""Beside it: the names that are being moved up, for who finds the folder after a kill."""
_CURE = "Remove this line: only its numbers in curves and report are lost."
LOG_FOLDER = re.compile(r"\d{8}_\d{6}")
"""Folder of MMEngine's own logs, which a run removes: its log is train.log."""


class RunFolder:
    """Paths of one run."""

    def __init__(self, root: Path) -> None:
        """Set the paths; the files need not exist."""
        self.root = root
        self.data = root / "data"
        """Canonical copies and inspection."""
        self.config = root / "mmdet_config.py"
        """Config that MMEngine's Runner runs."""
        self.edited_config = root / "mmdet_config.edited.py"
        """Copy of the file of --mmdet-config."""
        self.settings = root / "settings.yaml"
        """Every resolved setting."""
        self.checkpoints = root / "checkpoints"
        """last.pth and best.pth."""
        self.adapter = root / "adapter"
        """The LoRA adapter in PEFT's format (--tune lora)."""
        self.metrics = root / "metrics.jsonl"
        """One JSON object per log entry."""
        self.log = root / "train.log"
        """MMEngine's full log."""
        self.plots = root / "plots"
        """Curves as PNG."""
        self.report = root / "report.html"
        """The report page."""
        self.dataset_info = self.data / "dataset_info.json"
        """Facts about the canonical copies, from which the config was generated."""
        self.record = self.data / "started_with.json"
        """Settings and config at the start of the run, to notice edits of them."""
        self.retained = self.data / "retain.json"
        """Canonical copy of the other data set that forgetting is measured on (--retain)."""
        self.results = root / "results.json"
        """The facts of the finished run."""
        self.freeze_table = self.data / "freeze_table.json"
        """Trained and frozen parts, and the proof after training."""
        self.detections_before = self.data / "val_detections_before.npz"
        """Detections of the base weights on the validation split."""
        self.detections_best = self.data / "val_detections_best.npz"
        """Detections of the best epoch on the validation split."""

    def is_whole(self) -> bool:
        """Return whether the folder holds a run, finished or not."""
        begun = (self.root / UNFINISHED).exists() or (self.root / MOVING).exists()
        # A config that was edited may have been moved away: it is rewritten from the settings.
        written = self.config.is_file() or self.record.is_file()
        return self.settings.is_file() and written and not begun

    def best_checkpoint(self) -> Path:
        """Return best.pth, or last.pth before the first validation."""
        best = self.checkpoints / "best.pth"
        return best if best.exists() else self.checkpoints / "last.pth"

    def has_results(self) -> bool:
        """Return whether a step, a score or a checkpoint was written."""
        return self.metrics.exists() or any(self.checkpoints.glob("*.pth"))

    def read_metrics(self) -> list[dict[str, Any]]:
        """Return the records of `metrics.jsonl`, oldest first; empty before the first one.

        Raises:
            UserError: one of its lines is damaged.
        """
        if not self.metrics.exists():
            return []
        try:
            lines = self.metrics.read_bytes().splitlines(keepends=True)
        except OSError as error:
            raise UserError(f"{self.metrics}: cannot be read: {error.strerror}.") from error
        if lines and not lines[-1].endswith(b"\n"):
            lines.pop()  # cut off by a crash
        return [_logged(line, f"{self.metrics}, line {n}") for n, line in enumerate(lines, 1)]

    def read_split(self, name: str) -> dict[str, Any]:
        """Return the canonical copy of a split.

        Raises:
            UserError: it is missing or damaged.
        """
        path = self.data / f"{name}.json"
        try:
            return read_json(path, dict[str, Any])
        except (OSError, msgspec.DecodeError) as error:
            raise UserError(f"{path}: is missing or damaged: {error}.") from error

    def foreign_names(self) -> list[str]:
        """Return the files in the folder that no run writes, sorted."""
        own = {
            path.relative_to(self.root).parts[0]
            for path in vars(self).values()
            if path != self.root
        }
        return sorted(
            entry.name
            for entry in self.root.iterdir()
            if entry.name not in own | LOCK_FILES and not LOG_FOLDER.fullmatch(entry.name)
        )

    def remove_left_files(self) -> None:
        """Remove the unfinished files of a killed process; no other process may write the run."""
        for left in sorted(self.root.rglob(f".*{PARTIAL}")):
            remove(left)
        for entry in self.root.iterdir():
            if LOG_FOLDER.fullmatch(entry.name) and not any(entry.iterdir()):
                entry.rmdir()


def _logged(line: bytes, place: str) -> dict[str, Any]:
    """Return the values logged at one moment: numbers by name, except its `kind`."""
    try:
        record = decode_json(line, dict[str, int | float | str | None])
    except msgspec.DecodeError as error:
        raise UserError(f"{place}: is damaged: {error}. {_CURE}") from error
    words = [name for name, value in record.items() if isinstance(value, str)]
    if words != ["kind"] or not isinstance(record.get("step"), int):
        raise UserError(f"{place}: is damaged: a number or its `kind` is missing. {_CURE}")
    return record


def check_free(output: Path) -> RunFolder:
    """Refuse a run folder that is in use or cannot be written; nothing is changed.

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
    """Refuse a folder with more in it than a lock and unfinished files.

    Raises:
        UserError: it holds other files.
    """
    allowed = {*LOCK_FILES, UNFINISHED, MOVING, *moved_names(root)}
    if root.exists() and any(entry.name not in allowed for entry in root.iterdir()):
        raise UserError(
            f"--output {root}: already holds a run or other files, and nothing is overwritten. "
            f"Give another folder, such as {_free_name(root)}."
        )


def moved_names(root: Path) -> list[str]:
    """Return the files that were being moved out of `.unfinished` when the process was killed."""
    try:
        names: list[str] = json.loads((root / MOVING).read_bytes())
    except OSError:
        return []
    return names


def _free_name(output: Path) -> Path:
    number = 2
    while (candidate := output.with_name(f"{output.name}-{number}")).exists():
        number += 1
    return candidate
