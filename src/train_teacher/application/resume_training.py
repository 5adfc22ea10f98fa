"""Go on with a run that was stopped, or train a finished one for more epochs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from train_teacher.adapters import mmengine_config, mmengine_runner, run_checkpoints
from train_teacher.adapters.run_folder import RunFolder
from train_teacher.adapters.run_lock import run_lock
from train_teacher.application.labelled_pictures import Progress
from train_teacher.application.outer_launch import Others
from train_teacher.application.run_results import RunResult
from train_teacher.application.train_teacher import config_header, read_layers
from train_teacher.application.training_run import start_training, write_plan
from train_teacher.domain.config_overrides import generate_mmdet_config, reasons_by_key
from train_teacher.domain.dataset_info import DatasetInfo
from train_teacher.domain.errors import UsageError, UserError
from train_teacher.domain.model_choice import AUTO
from train_teacher.domain.settings import TeacherSettings

MAY_CHANGE = frozenset(
    "epochs steps workers device tensorboard wandb evaluate_before preflight retain_drop".split()
)
"""Settings with which a run can go on; with any other it would be another run."""
PATHS = frozenset({"data", "val", "test", "images", "weights", "output", "retain", "retain_images"})


@dataclass(frozen=True)
class ResumePlan:
    """What will be gone on with."""

    folder: RunFolder
    settings: TeacherSettings
    dataset_info: DatasetInfo
    checkpoint: Path | None
    """None when the run was stopped before it saved anything: it starts again."""
    epoch: int
    """Epochs done."""
    epochs: int
    """Epochs wanted."""
    step: int
    """Optimizer steps done."""
    notes: tuple[str, ...]
    """What the user should know: settings that changed, a checkpoint that was damaged."""


def plan_resume(cli_values: Mapping[str, Any], config: Path | None = None) -> ResumePlan:
    """Find out where a run stopped.

    Args:
        cli_values: settings given on the command line; `output` names the run.
        config: a settings file; refused, since the run has its own.

    Raises:
        UsageError: no folder was named, or a setting was changed that cannot be.
        UserError: there is no run in the folder, it is damaged, or it has finished.
    """
    if config is not None:
        raise UsageError("--resume reads RUN/settings.yaml itself: leave --config out.")
    if "output" not in cli_values:
        raise UsageError("--resume needs the run folder: --output RUN.")
    folder = RunFolder(Path(str(cli_values["output"])).resolve())
    if not folder.settings.is_file() or not folder.config.is_file():
        raise UserError(
            f"--resume: {folder.root} holds no run (no settings.yaml and mmdet_config.py). Start "
            "one without --resume."
        )
    stored = _settings(folder, {})
    settings = _settings(folder, cli_values)
    changed = _changes(stored, settings, cli_values)
    info = _dataset_info(folder)
    epochs = generate_mmdet_config(info, settings).schedule.epochs
    found = run_checkpoints.newest_usable(folder.checkpoints)
    if found.checkpoint and found.epoch >= epochs:
        raise UserError(
            f"--resume: the run in {folder.root} has finished its {found.epoch} epochs. To train "
            f"it for longer, give a larger number: --resume --epochs {found.epoch + 10}."
        )
    return ResumePlan(
        folder=folder,
        settings=settings,
        dataset_info=info,
        checkpoint=found.checkpoint,
        epoch=found.epoch,
        epochs=epochs,
        step=found.step,
        notes=(*changed, *found.notes),
    )


def resume_training(
    plan: ResumePlan, *, retained: Progress | None = None, others: Others | None = None
) -> RunResult:
    """Go on with a run.

    Args:
        plan: from `plan_resume`.
        retained: called with pictures of --retain scored and in all.
        others: processes that an outer launcher started with this one.

    Raises:
        UserError: another process trains in the folder, or training cannot go on.
        KeyboardInterrupt: told to stop; the state is saved.
    """
    mmengine_runner.resolve_device(plan.settings.device, plan.settings.precision)
    with run_lock(plan.folder.root):
        generated = generate_mmdet_config(plan.dataset_info, plan.settings)
        text = mmengine_config.render_config(
            mmengine_config.build_config(generated),
            config_header(plan.settings),
            reasons_by_key(generated.overrides),
        )
        write_plan(plan.folder, plan.settings, plan.dataset_info, text)
        if plan.checkpoint is None:
            plan.folder.metrics.unlink(missing_ok=True)
        training = start_training(plan.folder, plan.settings, plan.checkpoint, others)
        return training.finish(plan.dataset_info, retained)


def _settings(folder: RunFolder, cli_values: Mapping[str, Any]) -> TeacherSettings:
    # What `--model auto` chose stands in the folder's settings.
    given = {name: value for name, value in cli_values.items() if (name, value) != ("model", AUTO)}
    return read_layers({**given, "output": str(folder.root)}, folder.settings)


def _changes(
    stored: TeacherSettings, wanted: TeacherSettings, given: Mapping[str, Any]
) -> list[str]:
    """Return what differs, in words.

    Raises:
        UsageError: something differs that must not.
    """
    notes, refused = [], []
    for name in given:
        before, now = getattr(stored, name), getattr(wanted, name)
        if name in PATHS and isinstance(now, str) and isinstance(before, str):
            same = Path(now).resolve() == Path(before).resolve()
        else:
            same = before == now
        if same:
            continue
        if name in MAY_CHANGE:
            notes.append(f"{name}: {before} -> {now}")
        else:
            refused.append(f"{name} (was {before}, now {now})")
    if refused:
        raise UsageError(
            f"--resume: a run cannot go on with other settings: {', '.join(refused)}. Leave them "
            "out, or start a new run in another folder. These may change: "
            f"{', '.join(sorted(MAY_CHANGE))}."
        )
    return notes


def _dataset_info(folder: RunFolder) -> DatasetInfo:
    missing = [n for n in ("train.json", "val.json") if not (folder.data / n).is_file()]
    try:
        info = msgspec.json.decode(folder.dataset_info.read_bytes(), type=DatasetInfo)
    except (OSError, msgspec.DecodeError) as error:
        raise UserError(f"--resume: {folder.dataset_info} cannot be read: {error}.") from error
    if missing:
        raise UserError(
            f"--resume: {folder.data} lacks {' and '.join(missing)}, which the run trains on."
        )
    return info
