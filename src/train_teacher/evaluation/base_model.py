"""The base of a preset, prepared for a data set as in a run that starts from it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec

from train_teacher.config.data_driven import tune, with_decisions
from train_teacher.console.progress import progress_line
from train_teacher.core.errors import UsageError
from train_teacher.data.tiles import cut_sizes
from train_teacher.engine import machine
from train_teacher.evaluation.labelled_images import (
    LabelledImages,
    detections_of,
    labelled_split,
    scores_of,
)
from train_teacher.inspection.describe import describe
from train_teacher.inspection.load import InspectRequest, LoadedSplit, load_splits
from train_teacher.prompts.caption import apply_class_prompts
from train_teacher.prompts.language_model_files import obtain_language_model
from train_teacher.settings.read import preset_settings
from train_teacher.settings.schema import TeacherSettings
from train_teacher.teachers.model import TeacherModel, load_base
from train_teacher.weights.files import resolve_weights


@dataclass(frozen=True)
class BaseRequest:
    """Request for a base: its preset, and the data set that it is to look at."""

    data: Path
    """COCO JSON, or a folder with one; its training part is looked at."""
    images: Path | None = None
    class_from: str | None = None
    """Member of the annotations whose values are the classes; the preset's when None."""
    model: str = "swin-t"
    weights: str | None = None
    language_model: str | None = None
    device: str = "auto"
    class_prompts: Mapping[str, str] = field(default_factory=dict)
    """Phrases by class name."""


@dataclass(frozen=True)
class BaseOnData:
    """A base's settings, and its data set, read; the weights are not located yet."""

    settings: TeacherSettings
    images: LabelledImages
    splits: tuple[LoadedSplit, ...]
    inspected: InspectRequest


def read_for_base(request: BaseRequest) -> BaseOnData:
    """Read preset and data set.

    Raises:
        UserError: the data cannot be used.
        UsageError: there is no such preset.
    """
    names = ("weights", "language_model", "class_from")
    named = {name: getattr(request, name) for name in names}
    given = {name: value for name, value in named.items() if value is not None}
    settings = preset_settings(request.model, {"data": str(request.data), **given})
    inspected = InspectRequest(
        request.data,
        images=request.images,
        class_from=settings.class_from,
        class_prompts=request.class_prompts,
    )
    splits = tuple(load_splits(inspected))
    return BaseOnData(settings, labelled_split(splits[0]), splits, inspected)


def build_base(base: BaseOnData, device: str) -> tuple[TeacherModel, str]:
    """Return the base, ready for prediction, and the file of its weights.

    Raises:
        UserError: weights or language model cannot be used.
        UsageError: the weights are random, or there is no such device.
    """
    progress = progress_line("weights", unit="MiB", per=2**20)
    weights = resolve_weights(base.settings.weights, base.settings.checkpoint, progress=progress)
    if weights is None:
        raise UsageError("--weights none: random weights detect nothing. Give base weights.")
    settings = msgspec.structs.replace(
        base.settings,
        weights=str(weights),
        language_model=str(obtain_language_model(base.settings.language_model)),
    )
    inspected = replace(base.inspected, language_model=settings.language_model)
    info = cut_sizes(describe(base.splits, inspected), settings.tile)
    device = machine.resolve_device(device, "fp32")
    # MMEngine's logger writes to stdout, which is for results.
    with redirect_stdout(sys.stderr):
        settings = with_decisions(settings, tune(info, settings))
        return load_base(info.class_names, info.prompt, settings, device), settings.weights


def score_base(settings: TeacherSettings, inspected: InspectRequest) -> float:
    """Return the mAP of the base that a run starts from, on all images of its `data`; else 0.

    Raises:
        UserError: data, weights or language model cannot be used.
        UsageError: the weights are random.
    """
    splits = tuple(load_splits(inspected))
    images = labelled_split(splits[0])
    phrases = apply_class_prompts(images.phrases, inspected.class_prompts)
    model, _ = build_base(BaseOnData(settings, images, splits, inspected), settings.device)
    found = detections_of(model, images, phrases, progress_line("images for the base's score"))
    return scores_of(images, found).average_precision or 0.0
