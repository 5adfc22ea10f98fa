"""Settings of a resumed run: most must be those it was trained with."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from train_teacher.core.errors import UsageError, UserError
from train_teacher.engine import machine
from train_teacher.runs.checkpoints import FoundCheckpoint
from train_teacher.runs.folder import RunFolder
from train_teacher.runs.record import config_was_edited, plain_settings, read_record
from train_teacher.settings import yaml_files
from train_teacher.settings.layers import (
    PASSES_OF_AN_EPOCH,
    SettingsLayer,
    merge_values,
    trained_settings,
)
from train_teacher.settings.read import read_layers
from train_teacher.settings.schema import AUTO, TeacherSettings
from train_teacher.training.moved_files import refuse_other_weights

ON_THE_COMMAND_LINE = ("epochs", "steps", "device", "tensorboard", "wandb")
IN_A_FILE = ("evaluate_before", "preflight", "retain_drop", "workers")
MAY_CHANGE = frozenset((*ON_THE_COMMAND_LINE, *IN_A_FILE))
"""Settings that may change in a resumed run; any other would make it another run."""
MAY_MOVE = frozenset({"weights", "images"})
"""The same input somewhere else."""
PATHS = frozenset({"data", "val", "test", "images", "weights", "retain", "retain_images"})
TOGETHER = {"fit_batch": "batch_size", "steps": "epochs", "epochs": "steps"}
"""Settings that change with another one that is given."""
HOW = (
    f"These may change: {', '.join(f'--{name}' for name in ON_THE_COMMAND_LINE)}; --weights and "
    "--images, for the same files in another place; --precision together with --device; and in a "
    f"--config FILE with nothing else in it: {', '.join(IN_A_FILE)}."
)


@dataclass(frozen=True)
class Resumed:
    """The settings to resume with."""

    settings: TeacherSettings
    images_before: str | None
    """Set when the images were moved: the folder that was named before, or empty."""
    notes: tuple[str, ...]
    """Changes, in words."""
    config_edited: bool


def read_changes(cli_values: Mapping[str, Any], config: Path | None) -> dict[str, Any]:
    """Return the changed settings, from a settings file and from the command line, which wins.

    Raises:
        UsageError: the file cannot be read, or has other settings in it.
    """
    if config is None:
        return dict(cli_values)
    layer = yaml_files.read_settings(config)
    stray = sorted(set(map(str, layer.values)) - MAY_CHANGE)
    if stray:
        raise UsageError(
            f"--resume --config {config}: {', '.join(stray)} cannot change, the run has its own in "
            f"RUN/settings.yaml. {HOW}"
        )
    return merge_values([layer, SettingsLayer("command line", cli_values)])


def resumed_settings(
    folder: RunFolder, given: Mapping[str, Any], found: FoundCheckpoint
) -> Resumed:
    """Compare the settings the run was trained with, its settings.yaml, and those given now.

    Raises:
        UsageError: a setting differs that must not.
        UserError: the run counts its epochs in another way.
    """
    # What `--model auto` chose stands in the folder's settings.
    named = {name: value for name, value in given.items() if (name, value) != ("model", AUTO)}
    stored = _stored(folder)
    if stored.plain:
        raise UserError(
            f"--resume: {folder.root} was trained with --plain: MMEngine's own checkpoints hold "
            "neither a place within an epoch nor random states, so it cannot resume exactly. "
            "MMDetection's tools/train.py RUN/mmdet_config.py --resume RUN/checkpoints/last.pth "
            "resumes from its last epoch in its own way."
        )
    precision = _precision_of_device(named, stored)
    named |= precision
    wanted = read_layers({**named, "output": str(folder.root)}, folder.settings)
    if precision:
        # Nobody gave it: it is still one that was chosen.
        chosen = sorted({*wanted.decided.chosen, *precision})
        decided = msgspec.structs.replace(wanted.decided, chosen=chosen)
        wanted = msgspec.structs.replace(wanted, decided=decided)
    record = read_record(folder)
    _refuse_longer_epochs(folder, record.settings if record else {})
    trained = trained_settings(record.settings if record else plain_settings(stored))
    now = trained_settings(plain_settings(wanted))
    different = [
        name
        for name, before in trained.items()
        if name in now and not _same(name, before, now[name])
    ]
    moving = {n for n in MAY_MOVE.intersection(different) if now[n] is not None}
    follows = {"precision"} if "device" in named else set()
    refused = [name for name in different if name not in MAY_CHANGE | moving | follows]
    _refuse(folder, refused, trained, now, named)
    moved = {name: str(Path(now[name]).expanduser().resolve()) for name in moving}
    if "weights" in moved:
        refuse_other_weights(Path(moved["weights"]), found)
    return Resumed(
        settings=msgspec.structs.replace(wanted, **moved),
        images_before=(trained["images"] or "") if "images" in moved else None,
        notes=tuple(
            f"{name}: {_word(trained[name])} -> {_word(moved.get(name, now[name]))}"
            + ("" if _is_given(name, named) else " (edited in settings.yaml)")
            for name in different
        ),
        config_edited=record is not None and config_was_edited(folder, record),
    )


def _precision_of_device(given: Mapping[str, Any], stored: TeacherSettings) -> dict[str, str]:
    """Return a number format for the device that is given, where the one before was chosen."""
    if "device" not in given or "precision" in given or "precision" not in stored.decided.chosen:
        return {}
    precision = machine.resolve_precision("auto", given["device"])
    return {} if precision == stored.precision else {"precision": precision}


def _refuse_longer_epochs(folder: RunFolder, trained: Mapping[str, Any]) -> None:
    passes = trained.get(PASSES_OF_AN_EPOCH, 1)
    if passes > 1:
        raise UserError(
            f"--resume: the run in {folder.root} was made by an earlier version, which counted "
            f"{passes} passes over the images as an epoch, and its checkpoints stand in such "
            "epochs. It can be evaluated, used and exported. To train longer, start a new run: "
            f"train-teacher --config {shlex.quote(str(folder.settings))} --output ANOTHER_FOLDER."
        )


def _stored(folder: RunFolder) -> TeacherSettings:
    return read_layers({"output": str(folder.root)}, folder.settings)


def _same(name: str, before: object, now: object) -> bool:
    if name in PATHS and isinstance(before, str) and isinstance(now, str):
        return Path(now).expanduser().resolve() == Path(before).resolve()
    return before == now


def _refuse(
    folder: RunFolder,
    names: list[str],
    trained: Mapping[str, Any],
    now: Mapping[str, Any],
    given: Mapping[str, Any],
) -> None:
    if not names:
        return
    shown = {n: f"{n} (was {_word(trained[n])}, now {_word(now[n])})" for n in names}
    asked = [text for name, text in shown.items() if _is_given(name, given)]
    edited = [text for name, text in shown.items() if not _is_given(name, given)]
    problems = []
    if asked:
        problems.append(
            f"--resume: a run cannot be resumed with other settings: {', '.join(asked)}. Leave "
            "them out, or start a new run in another folder."
        )
    if edited:
        problems.append(
            f"--resume: {folder.settings} is not what the run was trained with: "
            f"{', '.join(edited)}. Half of the run would be trained in one way and half in "
            "another. Put the values back, or start a new run with the new ones: train-teacher "
            f"--config {shlex.quote(str(folder.settings))} --output ANOTHER_FOLDER."
        )
    raise UsageError("\n".join([*problems, HOW]))


def _is_given(name: str, given: Mapping[str, Any]) -> bool:
    return name in given or TOGETHER.get(name) in given


def _word(value: object) -> str:
    return "none" if value is None else str(value)
