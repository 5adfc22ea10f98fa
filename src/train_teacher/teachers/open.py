"""Opening of a teacher from a folder: a run or a bundle."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec

from train_teacher.core.errors import UsageError, UserError
from train_teacher.engine import machine
from train_teacher.images.tiles import tiling_of
from train_teacher.prompts.language_model_files import obtain_language_model
from train_teacher.runs.folder import CARD
from train_teacher.runs.work_dir import find_work_dir
from train_teacher.settings.read import preset_settings
from train_teacher.settings.schema import TeacherSettings
from train_teacher.teachers import adapter_folder, hub_bundle, onnx_bundle, standalone_model
from train_teacher.teachers.card import TeacherCard, detector_settings
from train_teacher.teachers.export import FinishedRun, read_run
from train_teacher.teachers.facts import TeacherFacts
from train_teacher.teachers.model import TeacherModel, load_bundle, load_merged, load_run
from train_teacher.teachers.onnx_model import load_onnx
from train_teacher.weights.files import resolve_weights


@dataclass(frozen=True)
class TeacherRequest:
    """Place of a teacher, and the files it needs that its folder does not hold."""

    place: Path
    """A run folder, or a bundle of `teacher export`."""
    base: bool = False
    """Leave out what was trained."""
    weights: str | None = None
    """Base checkpoint of a bundle; found by the preset's name when None."""
    language_model: str | None = None
    """Of a bundle; the preset's when None."""
    device: str = "auto"
    tile: int | None = None
    """Pixels of a tile's side, 0 for none; as it was trained when None."""
    overlap: float | None = None

    @classmethod
    def taken_from(cls, options: dict[str, Any], place: Path) -> TeacherRequest:
        """Take the values of `teacher_options` out of the options of a command."""
        names = [field.name for field in fields(cls) if field.name in options]
        return cls(place, **{name: options.pop(name) for name in names})

    def applied_to(self, settings: TeacherSettings) -> TeacherSettings:
        """Return settings of a detector with the tiles that are asked for.

        Raises:
            UsageError: there are no such tiles, or sahi is not installed.
        """
        asked = {"tile": self.tile, "overlap": self.overlap}
        given = {name: value for name, value in asked.items() if value is not None}
        settings = msgspec.structs.replace(settings, **given)
        tiling_of(settings.tile, settings.overlap)
        return settings


@dataclass(frozen=True)
class OpenTeacher:
    """A teacher whose folder was read; its detector is built at its first use.

    Errors in the images or labels are therefore reported at once.
    """

    facts: TeacherFacts
    run: FinishedRun | None
    """None for a bundle: it holds no data."""
    build: Callable[[], TeacherModel]

    @cached_property
    def model(self) -> TeacherModel:
        """The detector, ready for prediction.

        Raises:
            UserError: a part of it is missing or damaged.
            UsageError: there is no such device.
        """
        # MMEngine's logger writes to stdout, which is for results.
        with redirect_stdout(sys.stderr):
            return self.build()


def open_teacher(request: TeacherRequest) -> OpenTeacher:
    """Read a run or a bundle.

    Raises:
        UserError: it is neither, or a part of it is missing or damaged.
        UsageError: an option does not fit it.
    """
    place = request.place.resolve()
    if (place / "settings.yaml").is_file():
        return _open_run(place, request)
    if (place / CARD).is_file():
        return _open_bundle(place, request)
    if find_work_dir(place):
        return _open_run(place, request)
    no_classes = ""
    if (place / hub_bundle.WEIGHTS).is_file():
        no_classes = (
            " It is a model of transformers, which does not say which classes it was trained on. "
            "Score it: teacher evaluate --model PRESET --weights "
            f"{request.place} --data FILE; train from it: train-teacher --weights {request.place}."
        )
    raise UserError(
        f"{request.place}: is neither a run folder (settings.yaml) nor a bundle of teacher export "
        f"({CARD}).{no_classes}"
    )


def _open_run(place: Path, request: TeacherRequest) -> OpenTeacher:
    if request.weights or request.language_model:
        raise UsageError(
            "--weights and --language-model are for bundles: a run knows its own (settings.yaml)."
        )
    run = read_run(place)
    checkpoint = None if request.base else run.folder.best_checkpoint()
    info, settings = run.dataset_info, request.applied_to(run.settings)
    facts = TeacherFacts(place.name, info.class_names, info.phrases, run.threshold, run.thresholds)

    def build() -> TeacherModel:
        device = _device(request)
        return load_run(run.folder, settings, info, checkpoint, device)

    return OpenTeacher(facts, run, build)


def _open_bundle(place: Path, request: TeacherRequest) -> OpenTeacher:
    card = adapter_folder.read_card(place)
    facts = TeacherFacts(
        place.name,
        tuple(card.class_names),
        card.class_prompts,
        card.score_threshold,
        card.thresholds,
    )
    merged, complete = place / standalone_model.WEIGHTS, place / hub_bundle.WEIGHTS
    graph = place / onnx_bundle.WEIGHTS
    if request.base and any(file.is_file() for file in (merged, complete, graph)):
        raise UsageError(f"--base: {request.place} is complete and holds no base any more.")

    def settings_with(weights: str, language_model: str) -> TeacherSettings:
        card_file = str(place / CARD)
        return request.applied_to(detector_settings(card, weights, language_model, card_file))

    def build() -> TeacherModel:
        if graph.is_file():
            return load_onnx(place, card, settings_with("none", ""))
        own_language = str(place / standalone_model.LANGUAGE_MODEL)
        if merged.is_file():
            settings = settings_with("none", own_language)
            return load_merged(place, card, settings, _device(request))
        if complete.is_file():
            weights, language_model = str(resolve_weights(str(complete), None)), own_language
        else:
            weights, language_model = _find_base(card, request)
        settings = settings_with(weights, language_model)
        base = request.base or complete.is_file()
        return load_bundle(place, card, settings, _device(request), base=base)

    return OpenTeacher(facts, None, build)


def _device(request: TeacherRequest) -> str:
    return machine.resolve_device(request.device, "fp32")


def _find_base(card: TeacherCard, request: TeacherRequest) -> tuple[str, str]:
    """Return the base checkpoint and the language model that a bundle needs."""
    if card.base is None:
        raise UserError(
            f"{request.place}: was trained from random weights, which no other file holds. Export "
            "the run with --merge."
        )
    preset = preset_settings(card.model, {})
    weights = resolve_weights(request.weights or preset.weights, preset.checkpoint)
    language_model = obtain_language_model(request.language_model or preset.language_model)
    return str(weights), str(language_model)
