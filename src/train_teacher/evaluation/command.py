"""`teacher evaluate`: scores of a trained teacher."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from train_teacher.console.command import FILE, argument, choice, command, flag, option
from train_teacher.console.options import (
    allow_python_config_option,
    class_from_option,
    images_option,
    masks_option,
    parse_class_prompts,
    precision_option,
    teacher_options,
)


@command()
@argument(
    "run", metavar="[RUN]", type=FILE, required=False, help="Run folder, or bundle of export."
)
@option("--model", metavar="PRESET", help="Score the base of a preset on --data, without a run.")
@option(
    "--class-prompt",
    metavar="NAME=PHRASE",
    multiple=True,
    help="Words that stand for a class, with --model; repeatable.",
)
@option("--data", metavar="F", type=FILE, help="COCO JSON to score on instead of the run's.")
@option("--split", type=click.Choice(("val", "test")), help="Split of the run; val by default.")
@images_option
@class_from_option
@flag("--own-classes", "Detect the classes of --data, not the teacher's.")
@masks_option
@precision_option
@option(
    "--detections", metavar="FILE", type=FILE, help="Also write the detections, as COCO results."
)
@teacher_options
@allow_python_config_option
@choice("--format", "text", "json", help="Output format.")
def evaluate_command(
    run: Path | None, class_prompt: tuple[str, ...], format: str, **options: Any
) -> int:
    """Score a trained teacher with COCO metrics: overall, by class and by size.

    With --model PRESET instead of RUN: the untrained base of a preset.
    """
    from train_teacher.console.progress import progress_line
    from train_teacher.core.errors import UsageError
    from train_teacher.core.terminal_text import plain
    from train_teacher.evaluation.evaluate import EvaluateRequest, evaluate
    from train_teacher.evaluation.text import render_evaluation, render_evaluation_json
    from train_teacher.teachers.open import TeacherRequest

    if (run is None) == (options["model"] is None):
        raise UsageError("give either RUN or --model PRESET.")
    teacher = TeacherRequest.taken_from(options, run or Path())
    prompts = parse_class_prompts(class_prompt)
    request = EvaluateRequest(teacher, class_prompts=prompts, **options)
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
