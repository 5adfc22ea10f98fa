"""Teachers for parts of the training images, each trained on the others."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np

from train_teacher.core.arrays import Rows
from train_teacher.core.atomic_file import write_atomically
from train_teacher.core.errors import UsageError
from train_teacher.data.split_file import BoxLabels, split_data
from train_teacher.evaluation.labelled_images import LabelledImages
from train_teacher.inspection.load import InspectRequest, load_splits
from train_teacher.settings.schema import TeacherSettings
from train_teacher.splits.group_rules import parse_group_by
from train_teacher.teachers.export import FinishedRun, read_run
from train_teacher.teachers.model import TeacherModel, load_run
from train_teacher.training.plan import plan_training, train_teacher

SHORTER = 2
"""A fold's run is this many times shorter than the run."""


def seconds_of_folds(run: FinishedRun, data: LabelledImages, folds: int) -> float | None:
    """Return the time K runs will take, from the run's own time; None where that was not logged.

    Raises:
        UsageError: there are too few images for so many, or no two folds.
    """
    most = len(data.content["images"]) // 2
    if not 2 <= folds <= most:  # noqa: PLR2004 (one to learn from, one to look at)
        raise UsageError(f"--folds {folds}: give 2 to {most} for {2 * most} training images.")
    took = run.results.cost.total_seconds if run.results else None
    return took * (folds - 1) / SHORTER if took else None


def folded(
    run: FinishedRun, data: LabelledImages, folds: int, device: str
) -> Iterator[tuple[LabelledImages, TeacherModel]]:
    """Yield each part of the training images with a LoRA teacher trained on the others.

    Images that belong together by the run's `group_by` are in one part. The runs are removed.

    Raises:
        UserError: a run cannot be trained.
    """
    with tempfile.TemporaryDirectory(prefix="teacher-audit-") as name:
        work = Path(name)
        images = data.content["images"]
        for number, own in enumerate(_parts(run, data, folds)):
            rest = np.setdiff1d(np.arange(len(images)), own).tolist()
            file, output = work / f"rest-{number}.json", work / f"run-{number}"
            others = data.part([images[row] for row in rest]).content
            write_atomically(file, msgspec.json.encode(others))
            train_teacher(plan_training(_settings(run.settings, file, data.image_dir, output)))
            trained = read_run(output)
            model = load_run(
                trained.folder,
                trained.settings,
                trained.dataset_info,
                trained.folder.best_checkpoint(),
                device,
            )
            yield data.part([images[row] for row in own.tolist()]), model


def _settings(own: TeacherSettings, data: Path, images: Path, output: Path) -> TeacherSettings:
    return msgspec.structs.replace(
        own,
        data=str(data),
        images=str(images),
        output=str(output),
        split="0.9/0.1",
        tune="lora",
        schedule="multistep" if own.schedule == "plateau" else own.schedule,
        epochs=own.epochs and max(1, own.epochs // SHORTER),
        steps=own.steps and max(1, own.steps // SHORTER),
        evaluate_before=False,
        plain=False,
        **dict.fromkeys(("val", "test", "class_from", "encoding", "retain", "retain_images")),
        **dict.fromkeys(("val_interval", "unfreeze_at", "wandb")),
    )


def _parts(run: FinishedRun, data: LabelledImages, folds: int) -> list[Rows]:
    source = load_splits(InspectRequest(Path(data.path), images=data.image_dir))[0]
    columns = source.dataset.annotations
    boxes = BoxLabels(columns.image_row, columns.category_row, run.dataset_info.own_names)
    shares = {f"fold {number}": 1.0 for number in range(folds)}
    rule = parse_group_by(run.settings.group_by)
    rows, _ = split_data(source, boxes, shares, rule=rule, seed=run.settings.seed)
    return [part for part in rows.values() if len(part)]
