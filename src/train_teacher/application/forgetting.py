"""Score a run on pictures of something else, with the base weights and with the trained ones."""

from __future__ import annotations

from pathlib import Path

import msgspec

from train_teacher.adapters import teacher_model
from train_teacher.adapters.atomic_file import write_atomically
from train_teacher.adapters.coco_scores import score
from train_teacher.adapters.run_folder import RunFolder
from train_teacher.application.labelled_pictures import LabelledPictures, Progress, detect_all
from train_teacher.domain.errors import UserError
from train_teacher.domain.forgetting import RetainedScores
from train_teacher.domain.settings import TeacherSettings


def write_retained(folder: RunFolder, pictures: LabelledPictures) -> None:
    """Keep the canonical copy of what the run is to be scored on besides its own data."""
    content = {**pictures.content, "image_dir": str(pictures.image_dir), "source": pictures.path}
    write_atomically(folder.retained, msgspec.json.encode(content))


def _read_retained(folder: RunFolder) -> LabelledPictures:
    try:
        content = msgspec.json.decode(folder.retained.read_bytes())
    except (OSError, msgspec.DecodeError) as error:
        raise UserError(f"{folder.retained}: is missing or damaged: {error}.") from error
    names = tuple(category["name"] for category in content["categories"])
    return LabelledPictures(content["source"], content, Path(content["image_dir"]), names)


def score_retained(
    folder: RunFolder, settings: TeacherSettings, device: str, progress: Progress | None = None
) -> RetainedScores:
    """Score base and best checkpoint of a run on the data set of `--retain`.

    Args:
        folder: of a run that has been trained.
        settings: of the run.
        device: `cpu` or `cuda`.
        progress: called with pictures done and in all.

    Raises:
        UserError: a picture or a file of the run is gone.
    """
    pictures = _read_retained(folder)
    total = len(pictures.pictures)
    passes = 3 if settings.tune == "lora" else 2

    def report(number: int) -> Progress | None:
        if progress is None:
            return None
        return lambda done, _: progress(number * total + done, passes * total)

    base = teacher_model.load_run(folder.config, None, device)
    before, _ = detect_all(base, pictures, progress=report(0))
    del base
    trained = teacher_model.load_run(folder.config, folder.best_checkpoint(), device)
    after, _ = detect_all(trained, pictures, progress=report(1))
    equal = None
    if settings.tune == "lora":
        with trained.without_adapters():
            equal = detect_all(trained, pictures, progress=report(2))[0] == before
    return RetainedScores(
        data=pictures.path,
        num_images=total,
        num_objects=sum(not a["iscrowd"] for a in pictures.content["annotations"]),
        before=score(pictures.content, before),
        after=score(pictures.content, after),
        limit=settings.retain_drop,
        adapter_off_equal=equal,
    )
