"""Trials of phrases on a sample of the data, with the base weights alone."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from train_teacher.console.progress import Progress, part_of
from train_teacher.core.errors import UsageError, UserError
from train_teacher.evaluation.base_model import BaseRequest, build_base, read_for_base
from train_teacher.evaluation.labelled_images import LabelledImages, detections_of
from train_teacher.prompt_trials.trials import (
    ClassTrial,
    PromptComparison,
    candidates,
    compare_phrases,
    mean_precision,
    rounds,
    sample_images,
)
from train_teacher.scores.detections import Detections, GroundTruth
from train_teacher.scores.validation_files import canonical_truth
from train_teacher.settings import yaml_files
from train_teacher.teachers.model import TeacherModel


@dataclass(frozen=True)
class PromptsRequest:
    """Request for trials: the phrases, and the data to try them on."""

    base: BaseRequest
    offered: tuple[tuple[str, str], ...] = ()
    """(class name, phrase) in the order they were given."""
    phrases: Path | None = None
    """YAML file with a phrase or a list of them by class name."""
    sample: int = 100
    """Images in the sample."""
    seed: int = 0


def try_prompts(request: PromptsRequest, *, progress: Progress | None = None) -> PromptComparison:
    """Detect every phrase with the base model and judge which is best.

    Progress is counted over every prompt.

    Raises:
        UserError: data, weights or language model cannot be used.
        UsageError: a phrase is for no class, or for two.
    """
    offered = _offered(request)
    base = read_for_base(request.base)
    everything = base.images
    names = everything.phrases
    phrases = candidates(names, offered)
    data, truth = _sampled(everything, request)
    model, weights = build_base(base, request.base.device)
    started = time.monotonic()
    found, trials, together = _look(model, data, truth, names, phrases, progress)
    return PromptComparison(
        data=data.path,
        num_images=len(data.content["images"]),
        of_images=len(everything.content["images"]),
        num_objects=int((~truth.crowd).sum()),
        model=request.base.model,
        weights=weights,
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
    """Detect with every prompt, then with all best phrases together unless that was one of them."""
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
    sampled = everything.part([image for image in content["images"] if image["id"] in chosen])
    truth = canonical_truth(sampled.content)
    if truth.crowd.all():
        raise UserError(f"{everything.path}: has no usable box: no phrase can be judged by it.")
    return sampled, truth


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
