"""Other formats than COCO, written by panlabel."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from train_teacher.core.errors import UsageError, UserError

Format = Literal["yolo", "label-studio"]
SHOWN_CHARACTERS = 300


def require_converter(option: str) -> None:
    """Check that panlabel is installed, before hours of work.

    Raises:
        UsageError: it is not.
    """
    if _program() is None:
        raise UsageError(
            f"{option}: needs panlabel, which is not installed. Install it with: "
            "pip install 'train-teacher[convert]'"
        )


def _program() -> str | None:
    beside = Path(sys.executable).with_name("panlabel")
    return str(beside) if beside.is_file() else shutil.which("panlabel")


def write_yolo(source: Path, target: Path, root: Path, names: Sequence[str]) -> None:
    """Write a COCO JSON as YOLO's folder, with links in `images/` to the images below `root`.

    Raises:
        UserError: panlabel or the system refuses.
    """
    convert(source, target, "yolo")
    try:
        for name in names:
            link = target / "images" / name
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(root / name)
    except OSError as error:
        raise UserError(f"{target}: cannot be written: {error.strerror}.") from error


def convert(source: Path, target: Path, to: Format) -> None:
    """Write a COCO JSON as a folder (yolo) or a file (label-studio).

    Raises:
        UserError: panlabel refuses.
    """
    # Images without labels and other things that the format has no place for are left out.
    command = [str(_program()), "convert", "--from", "coco", "--to", to]
    command += ["--input", str(source), "--output", str(target), "--allow-lossy"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        said = " ".join((result.stderr or result.stdout).split())[:SHOWN_CHARACTERS]
        raise UserError(
            f"{target}: panlabel could not convert {source}: {said}. The COCO JSON is complete."
        )
