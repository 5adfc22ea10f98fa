"""A comparison of phrases as text and JSON."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

import msgspec

from train_teacher.core.words import score
from train_teacher.prompt_trials.trials import FEW_OBJECTS, ClassTrial, PromptComparison
from train_teacher.scores.bootstrap import RESAMPLES

PHRASE_WIDTH = 44


def render_prompts_json(comparison: PromptComparison) -> str:
    """Return the comparison as one JSON object."""
    content = {**msgspec.to_builtins(comparison), "class_prompts": comparison.class_prompts}
    return msgspec.json.format(msgspec.json.encode(content)).decode()


def render_prompts(comparison: PromptComparison) -> str:
    """Return the comparison for a terminal."""
    of = comparison
    lines = [
        f"data   {of.data}",
        f"       {of.num_images:,} of {of.of_images:,} images, {of.num_objects:,} objects, "
        f"{of.seconds:.0f} s",
        f"model  {of.model}, {of.weights}",
        "",
    ]
    width = max(len(_shown(p.phrase)) for c in of.classes for p in c.phrases)
    for trial in of.classes:
        lines += [*_trial(trial, width), ""]
    return "\n".join([*lines, *_advice(of)])


def _trial(trial: ClassTrial, width: int) -> Iterator[str]:
    objects = "1 object" if trial.objects == 1 else f"{trial.objects:,} objects"
    yield f"{trial.name} ({objects})"
    for number, one in enumerate(trial.phrases):
        mark = ">" if number == trial.best and len(trial.phrases) > 1 else " "
        yield (
            f"  {mark} {_shown(one.phrase):<{width}}  AP50 {score(one.average_precision):>5}  "
            f"recall {score(one.recall):>5}  {_note(trial, number)}"
        ).rstrip()


def _note(trial: ClassTrial, number: int) -> str:
    beats = trial.phrases[number].beats_name
    if number == 0:
        return "the name"
    if beats is None:
        return ""
    if trial.objects < FEW_OBJECTS:
        return "too few objects to tell"
    if number == trial.best:
        return f"clearly better: in {beats:.0%} of {RESAMPLES} resampled sets"
    return f"better in {beats:.0%} of {RESAMPLES} resampled sets"


def _advice(of: PromptComparison) -> Iterator[str]:
    tried = sum(len(trial.phrases) - 1 for trial in of.classes)
    if of.class_prompts:
        yield (
            f"Mean AP50 with the names {score(of.names_score)}, with the phrases marked > "
            f"{score(of.best_score)}. To train with them:"
        )
        pairs = (f"{name}={phrase}" for name, phrase in of.class_prompts.items())
        yield "  " + " ".join(f"--class-prompt {shlex.quote(pair)}" for pair in pairs)
    elif tried:
        yield (
            f"No phrase is clearly better than the name (mean AP50 {score(of.names_score)}): "
            "keep the names."
        )
    else:
        yield (
            f"Mean AP50 with the names: {score(of.names_score)}. To try other words: "
            "--phrase NAME=PHRASE, or --phrases FILE.yaml."
        )
    poor = [trial.name for trial in of.classes if trial.reads_badly]
    if poor:
        yield (
            f"The base model hardly looks where these point, whatever was tried: "
            f"{', '.join(poor)}. Try words for what they look like."
        )


def _shown(phrase: str) -> str:
    return phrase if len(phrase) <= PHRASE_WIDTH else phrase[: PHRASE_WIDTH - 3] + "..."
