"""Configs edited by the user: `train-teacher --mmdet-config`."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from train_teacher.config import merge
from train_teacher.config.generate import generate_mmdet_config
from train_teacher.config.model import ADDED_BY_PRESETS, Override
from train_teacher.config.protected_keys import find_broken
from train_teacher.config.read_back import find_edits, settings_in
from train_teacher.core.errors import UsageError
from train_teacher.data.odvg import TRAIN_FILE as ODVG_FILE
from train_teacher.data.tiles import FOLDER
from train_teacher.inspection.facts import DatasetInfo
from train_teacher.runs.folder import RunFolder
from train_teacher.settings.edits import edited_values
from train_teacher.settings.foreign_code import problems_of
from train_teacher.settings.read import preset_settings, read_layers
from train_teacher.settings.schema import FIELD_TYPES, TeacherSettings
from train_teacher.settings.yaml_files import preset_names

OPTION = "--mmdet-config"
IN_PYTHON = (ArithmeticError, AttributeError, ImportError, LookupError, NameError, SyntaxError)
WRONG = (*IN_PYTHON, AssertionError, OSError, RuntimeError, TypeError, ValueError)
"""Exceptions that running a config file can raise."""


@dataclass(frozen=True)
class EditedConfig:
    """A config file of the user's own, as it was run."""

    path: Path
    content: Mapping[str, Any]
    """Keys that MMEngine's Runner reads."""
    given: frozenset[str]
    """Settings of the command line, which are stronger."""
    text: str

    @property
    def run(self) -> Path:
        """The run folder whose data it names, if the data are a run's."""
        return _named_files(self.content).run


def read_edited(path: Path, cli_values: Mapping[str, Any]) -> EditedConfig:
    """Run a config file that the user named.

    Raises:
        UsageError: it is not there, fails, or is no config of a detector.
    """
    path = path.expanduser().resolve()
    if not path.is_file():
        raise UsageError(f"{OPTION} {path}: there is no such file.")
    try:
        content = merge.run_file(path)
    except WRONG as error:
        reason = f"{type(error).__name__}: {error}"
        raise UsageError(f"{OPTION} {path}: cannot be run: {reason}") from error
    needed = ("model", "train_dataloader", "val_dataloader", "train_cfg")
    missing = [key for key in needed if not isinstance(content.get(key), Mapping)]
    if missing:
        raise UsageError(
            f"{OPTION} {path}: has no {', '.join(missing)}. Edit a config that train-teacher wrote "
            "(RUN/mmdet_config.py) or printed (--dry-run)."
        )
    kept = {key: content[key] for key in merge.RUNNER_KEYS if key in content}
    return EditedConfig(path, kept, frozenset(cli_values), path.read_text("utf-8"))


def settings_beneath(
    edited: EditedConfig, cli_values: Mapping[str, Any], config: Path | None
) -> TeacherSettings:
    """Return the settings of the run that the file is from, or those read from the file.

    Raises:
        UsageError: the data that it names is not there.
    """
    values = dict(cli_values)
    named = _named_files(edited.content)
    places = (edited.path.parent, Path(edited.content.get("work_dir") or ""), named.run)
    run = next((run for run in map(RunFolder, places) if run.settings.is_file()), None)
    data = {} if "data" in values else _data(edited.path, named, run)
    values |= data
    config = config or (run.settings if run else None)
    if config is None and "model" not in values:
        values["model"] = _nearest_preset(edited.content)
    settings = read_layers(values, config)
    model = edited.content["model"]
    # A plain config loads its base as MMDetection does.
    weights = model.get("base_checkpoint") or edited.content.get("load_from")
    language_model = model["language_model"].get("name")
    files: dict[str, Any] = {}
    if "data" in data:
        # Other data than the run's: phrases for its classes are given again, if they need any.
        files |= {"prompts": cli_values.get("prompts", {}), "class_from": None}
    published = Path(str(weights)).name == Path(settings.checkpoint or "").name
    if "weights" not in values and not (weights and published and not Path(weights).is_file()):
        files["weights"] = weights or "none"
    # A plain run has a copy of its own, which a dry run did not write.
    there = language_model and (
        not Path(language_model).is_absolute() or Path(language_model).is_dir()
    )
    if "language_model" not in values and there:
        files["language_model"] = language_model
    return msgspec.structs.replace(settings, mmdet_config=str(edited.path), edited={}, **files)


@dataclass(frozen=True)
class _NamedFiles:
    """Annotation files by split and image folders, as a config names them."""

    annotations: Mapping[str, Path]
    images: frozenset[str]

    @property
    def run(self) -> Path:
        """The run folder whose data they are, if they are a run's."""
        return self.annotations["train"].parent.parent

    def are_of(self, run: RunFolder) -> bool:
        """Return whether they are the run's own, which may have been moved since."""
        return all(
            file.name in (f"{split}.json", "val.json" if split == "test" else "")
            and (file.parent == run.data or (file.parent.name == "data" and not file.exists()))
            for split, file in self.annotations.items()
        )


def _named_files(content: Mapping[str, Any]) -> _NamedFiles:
    files, folders = {}, set()
    for split in ("train", "val", "test"):
        dataset = content.get(f"{split}_dataloader", {}).get("dataset", {})
        while isinstance(dataset.get("dataset"), Mapping):
            dataset = dataset["dataset"]
        root = Path(dataset.get("data_root") or "")
        file = root / str(dataset.get("ann_file"))
        if file.parent.name == FOLDER:
            # Tiles of a run: it will cut its own of the images in the copy beside.
            files[split] = file.parent.parent / ("train.json" if split == "train" else "val.json")
            continue
        # Beside the images of several prompts lies the file that they were made of.
        files[split] = file.with_name("train.json") if file.name == ODVG_FILE else file
        folders.add(str(root / dataset.get("data_prefix", {}).get("img", "")))
    return _NamedFiles(files, frozenset(folders))


def _data(path: Path, named: _NamedFiles, run: RunFolder | None) -> dict[str, Any]:
    """Return the settings for the data that a file names, where it is not its run's."""
    images = {"images": min(named.images)} if len(named.images) == 1 else {}
    if run and named.are_of(run):
        info = msgspec.json.decode(run.dataset_info.read_bytes(), type=DatasetInfo)
        known = {str(Path(split.image_dir or "")) for split in info.splits}
        return {} if named.images <= known else images
    gone = [str(file) for file in named.annotations.values() if not file.is_file()]
    if gone:
        raise UsageError(
            f"{OPTION} {path}: there is no {gone[0]} (a dry run writes no data). Give --data and "
            "the other options for its place, as in the command that printed the config."
        )
    train, val, test = (str(named.annotations[split]) for split in ("train", "val", "test"))
    return {"data": train, "val": val, **({"test": test} if test != val else {}), **images}


def _nearest_preset(content: Mapping[str, Any]) -> str:
    def differences(name: str) -> tuple[int, bool]:
        preset = preset_settings(name, {})
        changes = (
            Override(key, value, "", adds=key in ADDED_BY_PRESETS, free=True)
            for key, value in preset.architecture.items()
        )
        theirs = merge.merge_overrides(preset.base_config, changes).model.to_dict()
        wrong = sum(1 for _ in find_edits(theirs, model))
        return wrong, weights != Path(preset.checkpoint or "").name

    model = content["model"]
    weights = Path(str(model.get("base_checkpoint") or content.get("load_from"))).name
    return min(preset_names(), key=differences)


def with_edits(
    info: DatasetInfo, settings: TeacherSettings, edited: EditedConfig
) -> TeacherSettings:
    """Return the settings of a run that trains as the file says.

    What settings can express becomes settings; the rest is kept in `edited`.

    Args:
        info: facts about the canonical copies.
        settings: resolved, without the file's own values.
        edited: the file.

    Raises:
        UsageError: the file changes what belongs to train-teacher, or names foreign code; or
            it has a value that no setting may have.
    """
    wanted, as_file = settings_in(edited.content), settings
    before = _built(info, as_file)
    tried: dict[str, Any] = {}
    # Again, as what is chosen follows from the rest: an interval from the number of epochs.
    while (changed := _differing(wanted, settings_in(before))) != tried:
        tried = changed
        steps = {"steps": None} if "epochs" in changed else {}
        chosen = [name for name in as_file.decided.chosen if name not in changed]
        decided = msgspec.structs.replace(as_file.decided, chosen=chosen)
        as_file = msgspec.structs.replace(as_file, **changed, **steps, decided=decided)
        before = _built(info, as_file)
    edits = dict(find_edits(before, edited.content))
    _refuse(edited, before, edits)
    given = edited.given | ({"epochs", "steps"} if {"epochs", "steps"} & edited.given else set())
    stronger = {name: getattr(settings, name) for name in given & {*wanted, "steps"}}
    return msgspec.structs.replace(as_file, **stronger, edited=edits)


def _differing(wanted: Mapping[str, Any], found: Mapping[str, Any]) -> dict[str, Any]:
    different = {name: value for name, value in wanted.items() if value != found.get(name)}
    for name, value in different.items():
        try:
            msgspec.convert(value, FIELD_TYPES[name])
        except msgspec.ValidationError as error:
            raise UsageError(f"{OPTION}: {name} cannot be {value!r}: {error}") from error
    return different


def _built(info: DatasetInfo, settings: TeacherSettings) -> dict[str, Any]:
    content: dict[str, Any] = merge.build_config(generate_mmdet_config(info, settings)).to_dict()
    return content


def _refuse(edited: EditedConfig, before: Mapping[str, Any], edits: Mapping[str, str]) -> None:
    try:
        values = edited_values(edits)
    except ValueError as error:
        raise UsageError(f"{OPTION} {edited.path}: a value is not plain data: {error}") from error
    problems = list(problems_of("edited", edits))
    for key, value in values.items():
        after = copy.deepcopy(dict(before))
        merge.put(after, key, value)
        if broken := find_broken(before, after):
            problems.append(f"{key}: may not be edited: {broken}")
    if problems:
        raise UsageError("\n".join(f"{OPTION} {edited.path}: {p}" for p in problems))
