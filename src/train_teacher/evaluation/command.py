"""`teacher evaluate`: scores of a trained teacher."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from train_teacher.console.command import FILE, choice, command, flag, option
from train_teacher.console.options import (
    allow_python_config_option,
    class_from_option,
    images_option,
    masks_option,
    precision_option,
    teacher_options,
    teacher_place,
)

if TYPE_CHECKING:
    from train_teacher.evaluation.evaluate import Split


@command()
@teacher_place
@option("--data", metavar="F", type=FILE, help="COCO JSON to score on instead of the run's.")
@option("--split", type=click.Choice(("val", "test")), help="Split of the run; val by default.")
@images_option
@class_from_option
@flag("--own-classes", "Ask for the classes of --data, not the teacher's.")
@masks_option
@precision_option
@option(
    "--detections", metavar="FILE", type=FILE, help="Also write what was found, as COCO results."
)
@teacher_options
@allow_python_config_option
@choice("--format", "text", "json", help="How to write the scores.")
def evaluate_command(
    run: Path,
    data: Path | None,
    split: str | None,
    images: Path | None,
    class_from: str | None,
    own_classes: bool,
    masks: str | None,
    precision: float | None,
    detections: Path | None,
    format: str,
    **teacher: Any,
) -> int:
    """Score a trained teacher as COCO does: whole, by class and by size."""
    from train_teacher.console.progress import progress_line
    from train_teacher.core.terminal_text import plain
    from train_teacher.evaluation.evaluate import EvaluateRequest, evaluate
    from train_teacher.evaluation.text import render_evaluation, render_evaluation_json
    from train_teacher.teachers.open import TeacherRequest

    request = EvaluateRequest(
        TeacherRequest(run, **teacher),
        split=cast("Split | None", split),
        data=data,
        images=images,
        class_from=class_from,
        own_classes=own_classes,
        masks=masks,
        precision=precision,
        detections=detections,
    )
    result = evaluate(request, progress=progress_line("images"))
    if result.ignored_classes:
        names = ", ".join(result.ignored_classes)
        print(  # noqa: T201
            "warning: the teacher does not know these classes of the data, which are left out: "
            f"{plain(names)}",
            file=sys.stderr,
        )
    json = format == "json"
    text = render_evaluation_json(result) if json else plain(render_evaluation(result))
    print(text)  # noqa: T201 - the result
    return 0
