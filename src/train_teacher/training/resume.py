"""Resuming a run that was stopped, or training a finished one for more epochs."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from train_teacher.config import merge
from train_teacher.config.generate import generate_mmdet_config, reasons_by_key
from train_teacher.core.errors import UsageError, UserError
from train_teacher.core.json_file import read_json
from train_teacher.engine import machine
from train_teacher.engine.outer_launch import Others
from train_teacher.inspection.facts import DatasetInfo
from train_teacher.reports.write import RunResult, is_complete
from train_teacher.runs import checkpoints
from train_teacher.runs.folder import RunFolder
from train_teacher.runs.lock import run_lock
from train_teacher.scores.validation_files import read_truth
from train_teacher.settings.schema import TeacherSettings
from train_teacher.training.moved_files import with_images_in
from train_teacher.training.plan import config_header
from train_teacher.training.resumed_settings import read_changes, resumed_settings
from train_teacher.training.run import start_training, write_plan


@dataclass(frozen=True)
class ResumePlan:
    """State that a run is resumed from."""

    folder: RunFolder
    settings: TeacherSettings
    dataset_info: DatasetInfo
    found: checkpoints.FoundCheckpoint
    """Checkpoint to resume from; without one the run starts again."""
    epochs: int
    """Epochs wanted."""
    config_text: str
    notes: tuple[str, ...]
    """Notes for the user: settings that changed, a checkpoint that was damaged."""


@contextmanager
def held_run(cli_values: Mapping[str, Any]) -> Iterator[RunFolder]:
    """Lock a run from before it is read until it is done.

    Raises:
        UsageError: no folder was named.
        UserError: there is no run in the folder, or another process trains in it.
    """
    if "output" not in cli_values:
        raise UsageError("--resume needs the run folder: --output RUN.")
    folder = RunFolder(Path(str(cli_values["output"])).resolve())
    if not folder.is_whole():
        raise UserError(
            f"--resume: {folder.root} holds no run (no settings.yaml and mmdet_config.py). Start "
            "one without --resume."
        )
    with run_lock(folder.root):
        folder.remove_left_files()
        yield folder


def plan_resume(
    folder: RunFolder, cli_values: Mapping[str, Any], config: Path | None = None
) -> ResumePlan:
    """Return the state in which a run stopped.

    Raises:
        UsageError: a setting was changed that cannot be.
        UserError: the run is damaged, it has finished, or its config was edited.
    """
    given = read_changes(cli_values, config)
    found = checkpoints.newest_usable(folder.checkpoints)
    resumed = resumed_settings(folder, given, found)
    settings = resumed.settings
    info = _dataset_info(folder)
    # Both are read again after training: their damage must not wait until then.
    folder.read_metrics()
    read_truth(folder.data / "val.json")
    if resumed.images_before is not None:
        before = Path(resumed.images_before or info.splits[0].image_dir or "")
        info = with_images_in(folder, info, before, Path(str(settings.images)))
    generated = generate_mmdet_config(info, settings)
    epochs = generated.schedule.epochs
    _refuse_finished(folder, settings, found, epochs)
    text = merge.render_config(
        merge.build_config(generated), config_header(settings), reasons_by_key(generated.overrides)
    )
    # A resume that was killed may have written it, and not yet the record of it.
    if resumed.config_edited and folder.config.read_bytes() != text.encode():
        raise UserError(_edited_config(folder))
    return ResumePlan(
        folder=folder,
        settings=settings,
        dataset_info=info,
        found=found,
        epochs=epochs,
        config_text=text,
        notes=(*resumed.notes, *found.notes, *_rounding(settings)),
    )


def _refuse_finished(
    folder: RunFolder,
    settings: TeacherSettings,
    found: checkpoints.FoundCheckpoint,
    epochs: int,
) -> None:
    """Refuse a run with nothing left to do; one that was stopped before its report has."""
    if found.checkpoint is None:
        return
    done = found.epoch
    if done > epochs:
        raise UserError(
            f"--resume: the run in {folder.root} has done {done} epochs already, more than the "
            f"{epochs} asked for. To train it for longer, give a larger number: --resume --epochs "
            f"{done + 10}."
        )
    if is_complete(folder, settings):
        early = f" (early stopping: {done} of {epochs})" if done < epochs else ""
        raise UserError(
            f"--resume: the run in {folder.root} has finished its {done} epochs{early}. To train "
            f"it for longer, give a larger number: --resume --epochs {epochs + 10}."
        )


def _edited_config(folder: RunFolder) -> str:
    file = shlex.quote(str(folder.config))
    return (
        f"--resume: {folder.config} was edited since the run was started with it. Half of the run "
        "would be trained in one way and half in another. Train it as it is now, as a new run: "
        f"train-teacher --mmdet-config {file} --output ANOTHER_FOLDER. Or continue as planned: "
        "move the file away, and it is written again."
    )


def _rounding(settings: TeacherSettings) -> tuple[str, ...]:
    if not machine.has_gpu(settings.device):
        return ()
    return (
        "from here on the losses equal those of an uninterrupted run up to rounding: a GPU adds in "
        "no fixed order.",
    )


def resume_training(plan: ResumePlan, *, others: Others | None = None) -> RunResult:
    """Resume a run, its folder still locked.

    Raises:
        UserError: training cannot continue.
        KeyboardInterrupt: asked to stop; the state is saved.
    """
    folder, settings = plan.folder, plan.settings
    machine.resolve_device(settings.device, settings.precision)
    # The report on fewer epochs would pass for the report on these.
    folder.results.unlink(missing_ok=True)
    write_plan(folder, settings, plan.dataset_info, plan.config_text)
    if plan.found.checkpoint is None:
        folder.metrics.unlink(missing_ok=True)
    training = start_training(folder, settings, plan.found.checkpoint, others)
    return training.finish(plan.dataset_info)


def _dataset_info(folder: RunFolder) -> DatasetInfo:
    missing = [n for n in ("train.json", "val.json") if not (folder.data / n).is_file()]
    try:
        info = read_json(folder.dataset_info, DatasetInfo)
    except (OSError, msgspec.DecodeError) as error:
        raise UserError(f"--resume: {folder.dataset_info} cannot be read: {error}.") from error
    if missing:
        raise UserError(
            f"--resume: {folder.data} lacks {' and '.join(missing)}, which the run trains on."
        )
    if {"train", "val"} - {split.name for split in info.splits}:
        raise UserError(f"--resume: {folder.dataset_info} is damaged: train or val is missing.")
    # The folder may have been moved since it was written.
    splits = (
        msgspec.structs.replace(s, path=str(folder.data / Path(s.path).name)) for s in info.splits
    )
    return msgspec.structs.replace(info, splits=tuple(splits))
