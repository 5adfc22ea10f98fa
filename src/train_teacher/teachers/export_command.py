"""`teacher export`: the command line."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from train_teacher.console.command import FILE, Word, argument, command, flag, option
from train_teacher.console.follow_up import command_line
from train_teacher.console.options import allow_python_config_option
from train_teacher.core.terminal_text import plain

if TYPE_CHECKING:
    from train_teacher.teachers.export import Format

SAYS = {
    "adapter": "adapter in PEFT's format; it needs its base checkpoint",
    "changes": "tensors that training changed; they need their base checkpoint",
    "merged": "MMDetection model, complete",
    "hub_adapter": "adapter for PEFT on transformers' copy of its base, with the teacher's outputs",
    "onnx": "ONNX model of its classes, complete; its outputs are the teacher's",
    "transformers": "Hugging Face transformers' model, complete; its outputs are the teacher's",
}


@command()
@argument("run", metavar="RUN", help="Run folder of train-teacher.", type=FILE)
@option("--output", metavar="DIR", type=FILE, required=True, help="Folder to create.")
@option(
    "--format",
    "form",
    type=Word(("mmdet", "transformers", "onnx")),
    default="mmdet",
    show_default=True,
    help="Program that loads it: MMDetection, Hugging Face transformers, or an ONNX runtime.",
)
@flag("--merge", "Write a complete model, which needs no base.")
@flag("--half", "Store 16 bits a number.")
@allow_python_config_option
def export_command(run: Path, output: Path, form: Format, merge: bool, half: bool) -> int:
    """Export a run's best checkpoint as a bundle to share."""
    from train_teacher.teachers.export import export_teacher

    result = export_teacher(run, output, merge=merge, half=half, form=form)
    print(f"{result.folder}: {SAYS[result.kind]}, {result.size / 1e6:.1f} MB")  # noqa: T201
    if result.kind in ("transformers", "onnx"):
        return 0  # README.md beside it says how they load it
    options = {**result.base, "output": "labels.json"}
    line = command_line("teacher predict", result.folder, "IMAGES", **options)
    told = f"next, to label images with it (README.md beside it says more): {line}"
    print(plain(told), file=sys.stderr)  # noqa: T201
    return 0
