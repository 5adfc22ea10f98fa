"""Score a run on retained data, with the base weights and with the trained ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from train_teacher.console.progress import Progress, part_of
from train_teacher.core.atomic_file import write_atomically
from train_teacher.core.errors import UserError
from train_teacher.core.json_file import read_json
from train_teacher.evaluation.labelled_images import LabelledImages, detections_of
from train_teacher.inspection.facts import DatasetInfo
from train_teacher.reports.forgetting import RetainedScores
from train_teacher.runs.folder import RunFolder
from train_teacher.scores.coco_scores import score
from train_teacher.settings.schema import TeacherSettings
from train_teacher.teachers import model as teacher_model


def write_retained(folder: RunFolder, images: LabelledImages) -> None:
    """Write the canonical copy of the retained data."""
    content = {**images.content, "image_dir": str(images.image_dir), "source": images.path}
    write_atomically(folder.retained, msgspec.json.encode(content))


def read_retained(folder: RunFolder) -> LabelledImages:
    """Return the retained data of a run.

    Raises:
        UserError: the file is gone or damaged.
    """
    try:
        content = read_json(folder.retained, dict[str, Any])
    except (OSError, msgspec.DecodeError) as error:
        raise UserError(f"{folder.retained}: is missing or damaged: {error}.") from error
    names = tuple(category["name"] for category in content["categories"])
    return LabelledImages(content["source"], content, Path(content["image_dir"]), names)


def score_retained(
    folder: RunFolder,
    settings: TeacherSettings,
    info: DatasetInfo,
    device: str,
    progress: Progress | None = None,
) -> RetainedScores:
    """Score base and best checkpoint of a run on the data set of `--retain`.

    Raises:
        UserError: an image or a file of the run is gone.
    """
    images = read_retained(folder)
    passes = 3 if settings.tune == "lora" else 2

    def found_by(model: teacher_model.TeacherModel, number: int) -> list[dict[str, Any]]:
        part = part_of(progress, number, passes)
        return images.results(detections_of(model, images, images.phrases, part))

    before = found_by(teacher_model.load_run(folder, settings, info, None, device), 0)
    trained = teacher_model.load_run(folder, settings, info, folder.best_checkpoint(), device)
    after = found_by(trained, 1)
    equal = None
    if settings.tune == "lora":
        with trained.without_adapters():
            equal = found_by(trained, 2) == before
    return RetainedScores(
        data=images.path,
        num_images=len(images.content["images"]),
        num_objects=sum(not a["iscrowd"] for a in images.content["annotations"]),
        before=score(images.content, before),
        after=score(images.content, after),
        limit=settings.retain_drop,
        adapter_off_equal=equal,
    )
