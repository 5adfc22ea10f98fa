"""What a process that was killed left half written in a run folder."""

from __future__ import annotations

import re
from pathlib import Path

from train_teacher.core.atomic_file import PARTIAL, remove

LOG_FOLDER = re.compile(r"\d{8}_\d{6}")
"""How MMEngine names the folder of its own logs, which a run removes: its log is train.log."""


def remove_left_files(folder: Path) -> None:
    """Remove temporary files and folders of a run that no other process writes."""
    for left in sorted(folder.rglob(f".*{PARTIAL}")):
        remove(left)
    for entry in folder.iterdir():
        if LOG_FOLDER.fullmatch(entry.name) and not any(entry.iterdir()):
            entry.rmdir()
