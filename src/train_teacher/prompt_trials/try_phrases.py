"""Try phrases for classes on a sample of the data, with the base weights alone."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from train_teacher.config.data_driven import tune, with_decisions
from train_teacher.console.progress import Progress, part_of
from train_teacher.core.errors import UsageError, UserError
from train_teacher.engine import machine
from train_teacher.evaluation.labelled_images import LabelledImages, detections_of, labelled_split
from train_teacher.inspection.describe import describe
from train_teacher.inspection.load import InspectRequest, load_splits
from train_teacher.prompt_trials.trials import (
    ClassTrial,
    PromptComparison,
    candidates,
    compare_phrases,
    mean_precision,
    rounds,
    sample_images,
)
from train_teacher.prompts.language_model_files import obtain_language_model
from train_teacher.scores.detections import Detections, GroundTruth
from train_teacher.scores.validation_files import canonical_truth
from train_teacher.settings import yaml_files
from train_teacher.settings.read import preset_settings
from train_teacher.settings.schema import TeacherSettings
from train_teacher.teachers.model import TeacherModel, load_base
from train_teacher.weights.files import resolve_weights


@dataclass(frozen=True)
class PromptsRequest:
    """What to try, and on what."""

    data: Path
    """COCO JSON, or a folder with one; its training part is looked at."""
    images: Path | None = None
    class_from: str | None = None
    """Member of the annotations whose values are the classes; the preset's when None."""
    offered: tuple[tuple[str, str], ...] = ()
    """(class name, phrase) in the order they were given."""
    phrases: Path | None = None
    """YAML file with a phrase or a list of them by class name."""
    sample: int = 100
    """Images to look at."""
    seed: int = 0
    model: str = "swin-t"
    weights: str | None = None
    language_model: str | None = None
    device: str = "auto"


def try_prompts(request: PromptsRequest, *, progress: Progress | None = None) -> PromptComparison:
    """Let the base model look for every phrase and say which reads best.

    Progress is counted over every prompt.

    Raises:
        UserError: data, weights or language model cannot be used.
        UsageError: a phrase is for no class, or for two.
    """
    offered = _offered(request)
    settings = _asked(request)
    inspected = InspectRequest(request.data, images=request.images, class_from=settings.class_from)
    splits = load_splits(inspected)
    everything = labelled_split(splits[0])
    names = everything.phrases
    phrases = candidates(names, offered)
    settings = _resolved(settings)
    info = describe(splits, replace(inspected, language_model=settings.language_model))
    device = machine.resolve_device(request.device, "fp32")
    started = time.monotonic()
    data, truth = _sampled(everything, request)
    # MMEngine's logger writes to stdout, which is for results.
    with redirect_stdout(sys.stderr):
        settings = with_decisions(settings, tune(info, settings))
        model = load_base(info.class_names, info.prompt, settings, device)
        found, trials, together = _look(model, data, truth, names, phrases, progress)
    return PromptComparison(
        data=data.path,
        num_images=len(data.content["images"]),
        of_images=len(everything.content["images"]),
        num_objects=int((~truth.crowd).sum()),
        model=request.model,
        weights=settings.weights,
        classes=trials,
        names_score=mean_precision(found[0], truth, names),
        best_score=mean_precision(together, truth, names) if together else None,
        seconds=round(time.monotonic() - started, 2),
    )


def _look(
    model: TeacherModel,
    data: LabelledImages,
    truth: GroundTruth,
    names: Sequence[str],
    phrases: Sequence[Sequence[str]],
    progress: Progress | None,
) -> tuple[list[Detections], tuple[ClassTrial, ...], Detections | None]:
    """Look with every prompt, then with the best phrases together unless that was one of them."""
    prompts = list(rounds(phrases))
    found = [
        detections_of(model, data, prompt, part_of(progress, number, len(prompts)))
        for number, prompt in enumerate(prompts)
    ]
    trials = compare_phrases(names, phrases, found, truth)
    best = tuple(trial.phrases[trial.best].phrase for trial in trials)
    if best == prompts[0]:
        return found, trials, None
    if best in prompts:
        return found, trials, found[prompts.index(best)]
    return found, trials, detections_of(model, data, best)


def _sampled(
    everything: LabelledImages, request: PromptsRequest
) -> tuple[LabelledImages, GroundTruth]:
    content = everything.content
    chosen = set(sample_images(canonical_truth(content), request.sample, request.seed))
    sampled = {
        **content,
        "images": [image for image in content["images"] if image["id"] in chosen],
        "annotations": [a for a in content["annotations"] if a["image_id"] in chosen],
    }
    if not any(not annotation["iscrowd"] for annotation in sampled["annotations"]):
        raise UserError(f"{everything.path}: has no usable box: no phrase can be judged by it.")
    return replace(everything, content=sampled), canonical_truth(sampled)


def _asked(request: PromptsRequest) -> TeacherSettings:
    names = ("weights", "language_model", "class_from")
    named = {name: getattr(request, name) for name in names}
    given = {name: value for name, value in named.items() if value is not None}
    return preset_settings(request.model, {"data": str(request.data), **given})


def _resolved(settings: TeacherSettings) -> TeacherSettings:
    weights = resolve_weights(settings.weights, settings.checkpoint)
    if weights is None:
        raise UsageError("--weights none: random weights read no phrase. Name base weights.")
    return msgspec.structs.replace(
        settings,
        weights=str(weights),
        language_model=str(obtain_language_model(settings.language_model)),
    )


def _offered(request: PromptsRequest) -> Mapping[str, Sequence[str]]:
    """Return the phrases of file and command line by class name."""
    offered: dict[str, list[str]] = {}
    if request.phrases:
        for name, value in yaml_files.read_settings(request.phrases).values.items():
            offered[str(name)] = _phrases_of(request.phrases, name, value)
    for name, phrase in request.offered:
        offered.setdefault(name, []).append(phrase)
    return offered


def _phrases_of(path: Path, name: object, value: Any) -> list[str]:
    phrases = value if isinstance(value, list) else [value]
    for phrase in phrases:
        if not isinstance(phrase, str):
            raise UsageError(
                f"{path}: {name}: {phrase!r} is no phrase. Write it in quotes, or a list of "
                f'phrases: {name}: ["small red star", "star"].'
            )
    return phrases
