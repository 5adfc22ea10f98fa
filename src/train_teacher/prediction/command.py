"""`teacher predict`: images in, a COCO JSON out."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from train_teacher.console.command import FILE, Word, argument, command, flag, option
from train_teacher.console.follow_up import command_line
from train_teacher.console.options import (
    allow_python_config_option,
    images_option,
    masks_option,
    precision_option,
    teacher_options,
    teacher_place,
)

if TYPE_CHECKING:
    from train_teacher.prediction.predict import PredictResult

SHOWN_FILES = 5
STUDENTS = ("ultralytics", "rfdetr", "lightly", "coco")


@command()
@teacher_place
@argument(
    "sources",
    metavar="IMAGES...",
    help="Images, folders, .txt lists of paths, or one COCO JSON.",
    type=FILE,
    nargs=-1,
    required=True,
)
@option("--output", metavar="F.json|DIR", type=FILE, required=True, help="File, or folder.")
@option(
    "--score-threshold",
    type=float,
    help="Least score; by default the one that balanced precision and recall at validation. "
    "0 keeps all boxes, for scoring.",
)
@precision_option
@option(
    "--most-overlap",
    type=float,
    default=0.9,
    show_default=True,
    help="Boxes that overlap more count as one object; 1 keeps all.",
)
@images_option
@masks_option
@option("--draw", metavar="DIR", type=FILE, help="Also write copies of the images with boxes.")
@option(
    "--student",
    type=Word(STUDENTS),
    help="Make --output a folder that this trains on: the images of the run with their labels and "
    "split, and for training IMAGES, with the teacher's labels where a COCO JSON has none.",
)
@flag("--copy-images", "Copy the images for --student instead of linking them.")
@option(
    "--label-studio",
    metavar="FILE",
    type=FILE,
    help="Also write Label Studio tasks, with their labeling config.",
)
@option(
    "--cvat",
    metavar="FILE",
    type=FILE,
    help="Also write CVAT annotations (.xml), with the labels of their task.",
)
@teacher_options
@allow_python_config_option
def predict_command(run: Path, **options: Any) -> int:
    """Label images with a trained teacher; repeat the command to continue after an interruption."""
    from train_teacher.console.progress import progress_line
    from train_teacher.core.terminal_text import plain
    from train_teacher.prediction.other_formats import cvat_start, label_studio_start
    from train_teacher.prediction.predict import PredictRequest, predict
    from train_teacher.prediction.students import student_start
    from train_teacher.teachers.open import TeacherRequest

    request = PredictRequest(TeacherRequest.taken_from(options, run), **options)
    try:
        result = predict(request, progress=progress_line("images"))
    except KeyboardInterrupt:
        print("\ninterrupted: repeat the command to continue", file=sys.stderr)  # noqa: T201
        return 130
    told, root = [_told(result)], result.image_root.absolute()
    outcome = f"{result.output}: {result.annotations:,} boxes in {result.images:,} images"
    if request.label_studio:
        told.append(label_studio_start(root, request.label_studio))
    if request.cvat:
        told.append(cvat_start(root, request.cvat))
    if request.student:
        start = student_start(request.student, request.output.absolute())
        told.append(f"next, with {request.student}:\n{start}")
        outcome = f"{request.output}: images for the student: {result.student}"
    print(plain("\n".join(told)), file=sys.stderr)  # noqa: T201
    print(plain(outcome))  # noqa: T201 - the result
    return 0


def _told(result: PredictResult) -> str:
    lines = [result.tiles] if result.tiles else []
    if result.resumed:
        lines.append(f"continued after {result.resumed:,} images that were done")
    lines += result.told
    if result.unreadable:
        count = len(result.unreadable)
        lines.append(f"warning: {count} images cannot be read and are left out:")
        lines += [f"  {name}" for name in result.unreadable[:SHOWN_FILES]]
        lines += [f"  and {count - SHOWN_FILES} more"] if count > SHOWN_FILES else []
    line = command_line("inspect-data", result.output, images=result.image_root)
    lines.append(f"next, to check the labels: {result.review}, or {line}")
    return "\n".join(lines)
