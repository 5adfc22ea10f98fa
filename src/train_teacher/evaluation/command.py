"""`teacher evaluate`: scores of a trained teacher."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from train_teacher.console.options import (
    AllowPythonConfigOption,
    BaseOption,
    DeviceOption,
    ImagesOption,
    LanguageModelOption,
    MasksOption,
    TeacherPlace,
    WeightsOption,
    one_of,
)

if TYPE_CHECKING:
    from train_teacher.evaluation.evaluate import Split


def evaluate_command(
    run: TeacherPlace,
    data: Annotated[
        Path | None,
        typer.Option("--data", metavar="F", help="COCO JSON to score on instead of the run's."),
    ] = None,
    split: Annotated[
        str | None,
        typer.Option("--split", metavar="val|test", help="Split of the run; val by default."),
    ] = None,
    images: ImagesOption = None,
    own_classes: Annotated[
        bool,
        typer.Option("--own-classes", help="Ask for the classes of --data, not the teacher's."),
    ] = False,
    masks: MasksOption = None,
    detections: Annotated[
        Path | None,
        typer.Option(
            "--detections", metavar="FILE", help="Also write what was found, as COCO results."
        ),
    ] = None,
    base: BaseOption = False,
    weights: WeightsOption = None,
    language_model: LanguageModelOption = None,
    device: DeviceOption = "auto",
    allow_python_config: AllowPythonConfigOption = False,
    format: Annotated[str, typer.Option("--format", metavar="text|json")] = "text",
) -> int:
    """Score a trained teacher as COCO does: whole, by class and by size."""
    one_of("--split", split, ("val", "test"))
    one_of("--device", device, ("auto", "cpu", "cuda"))
    one_of("--format", format, ("text", "json"))
    from train_teacher.console.progress import progress_line
    from train_teacher.core.terminal_text import plain
    from train_teacher.evaluation.evaluate import EvaluateRequest, evaluate
    from train_teacher.evaluation.text import render_evaluation, render_evaluation_json
    from train_teacher.teachers.open import TeacherRequest

    request = EvaluateRequest(
        TeacherRequest(run, base, weights, language_model, device),
        split=cast("Split | None", split),
        data=data,
        images=images,
        own_classes=own_classes,
        masks=masks,
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
