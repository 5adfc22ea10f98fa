"""A comparison of phrases as text and JSON."""

from __future__ import annotations

import shlex

import msgspec

from train_teacher.core.words import shortened
from train_teacher.pages.page import render_text
from train_teacher.prompt_trials.trials import FEW_OBJECTS, PromptComparison
from train_teacher.scores.bootstrap import RESAMPLES

PHRASE_WIDTH = 44


def render_prompts_json(comparison: PromptComparison) -> str:
    """Return the comparison as one JSON object."""
    content = {**msgspec.to_builtins(comparison), "class_prompts": comparison.class_prompts}
    return msgspec.json.format(msgspec.json.encode(content)).decode()


def render_prompts(comparison: PromptComparison) -> str:
    """Return the comparison for a terminal."""
    pairs = (f"{name}={phrase}" for name, phrase in comparison.class_prompts.items())
    text = render_text(
        "prompt_trials/comparison.txt.j2",
        of=comparison,
        shown=_shown,
        width=max(len(_shown(p.phrase)) for c in comparison.classes for p in c.phrases),
        few_objects=FEW_OBJECTS,
        resamples=RESAMPLES,
        options=" ".join(f"--class-prompt {shlex.quote(pair)}" for pair in pairs),
        poor=[trial.name for trial in comparison.classes if trial.reads_badly],
    )
    return "\n".join(line.rstrip() for line in text.rstrip("\n").split("\n"))


def _shown(phrase: str) -> str:
    return shortened(phrase, PHRASE_WIDTH)
