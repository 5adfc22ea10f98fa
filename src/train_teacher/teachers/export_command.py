"""`teacher export`: options in, one use case, where the bundle lies out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from train_teacher.console.options import AllowPythonConfigOption

SAYS = {
    "adapter": "adapter in PEFT's format; it needs its base checkpoint",
    "changes": "tensors that training changed; they need their base checkpoint",
    "merged": "MMDetection model, complete",
}


def export_command(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Run folder of train-teacher.")],
    output: Annotated[Path, typer.Option("--output", metavar="DIR", help="Folder to create.")],
    merge: Annotated[
        bool, typer.Option("--merge", help="A complete model that MMDetection loads alone.")
    ] = False,
    half: Annotated[bool, typer.Option("--half", help="Store 16 bits a number.")] = False,
    allow_python_config: AllowPythonConfigOption = False,
) -> int:
    """Make a bundle to give away from a run's best checkpoint."""
    from train_teacher.teachers.export import export_teacher

    result = export_teacher(run, output, merge=merge, half=half)
    print(f"{result.folder}: {SAYS[result.kind]}, {result.size / 1e6:.1f} MB")  # noqa: T201
    return 0
