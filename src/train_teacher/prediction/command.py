"""`teacher predict`: images in, a COCO JSON out."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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
    from train_teacher.prediction.predict import PredictResult

SHOWN_FILES = 5


def predict_command(
    run: TeacherPlace,
    sources: Annotated[
        list[Path],
        typer.Argument(
            metavar="IMAGES...",
            help="Images, folders, .txt lists of paths, or one COCO JSON.",
            show_default=False,
        ),
    ],
    output: Annotated[Path, typer.Option("--output", metavar="F.json", help="File to write.")],
    score_threshold: Annotated[
        float | None,
        typer.Option(
            "--score-threshold",
            help="Least score; by default the one that balanced precision and recall at "
            "validation. 0 keeps all, to be scored.",
            show_default=False,
        ),
    ] = None,
    most_overlap: Annotated[
        float,
        typer.Option("--most-overlap", help="Boxes that overlap more are one object; 1 keeps all."),
    ] = 0.9,
    images: ImagesOption = None,
    masks: MasksOption = None,
    draw: Annotated[
        Path | None,
        typer.Option("--draw", metavar="DIR", help="Also copies of the images with boxes."),
    ] = None,
    yolo: Annotated[
        Path | None, typer.Option("--yolo", metavar="DIR", help="Also in YOLO's format.")
    ] = None,
    label_studio: Annotated[
        Path | None,
        typer.Option("--label-studio", metavar="FILE", help="Also as Label Studio imports it."),
    ] = None,
    base: BaseOption = False,
    weights: WeightsOption = None,
    language_model: LanguageModelOption = None,
    device: DeviceOption = "auto",
    allow_python_config: AllowPythonConfigOption = False,
) -> int:
    """Label images with a trained teacher; the same command goes on after an interruption."""
    one_of("--device", device, ("auto", "cpu", "cuda"))
    from train_teacher.console.progress import progress_line
    from train_teacher.core.terminal_text import plain
    from train_teacher.prediction.predict import PredictRequest, predict
    from train_teacher.teachers.open import TeacherRequest

    request = PredictRequest(
        TeacherRequest(run, base, weights, language_model, device),
        tuple(sources),
        output,
        images=images,
        score_threshold=score_threshold,
        most_overlap=most_overlap,
        masks=masks,
        draw=draw,
        yolo=yolo,
        label_studio=label_studio,
    )
    try:
        result = predict(request, progress=progress_line("images"))
    except KeyboardInterrupt:
        print("\ninterrupted: the same command goes on from here", file=sys.stderr)  # noqa: T201
        return 130
    print(plain(_told(result)), file=sys.stderr)  # noqa: T201
    counts = f"{result.annotations:,} boxes in {result.images:,} images"
    print(plain(f"{result.output}: {counts}"))  # noqa: T201 - the result
    return 0


def _told(result: PredictResult) -> str:
    lines = []
    if result.resumed:
        lines.append(f"went on after {result.resumed:,} images that were done")
    guess = "" if result.threshold_known else " (a guess: what suits this teacher is not known)"
    lines.append(f"boxes with a score of at least {result.threshold:g}{guess}")
    if result.unreadable:
        count = len(result.unreadable)
        lines.append(f"warning: {count} images cannot be read and are left out:")
        lines += [f"  {name}" for name in result.unreadable[:SHOWN_FILES]]
        lines += [f"  and {count - SHOWN_FILES} more"] if count > SHOWN_FILES else []
    place, root = (shlex.quote(str(path)) for path in (result.output, result.image_root))
    lines.append(f"look at it: inspect-data {place} --images {root}")
    return "\n".join(lines)
