"""Trials are shown with the command that uses them, or that the names are good enough."""

from __future__ import annotations

import json

import msgspec

from train_teacher.prompt_trials.text import render_prompts, render_prompts_json
from train_teacher.prompt_trials.trials import ClassTrial, PhraseScore, PromptComparison

NAME = PhraseScore("forklift", 0.2, 0.4)
CAT = ClassTrial("cat", 40, (PhraseScore("cat", 0.05, 0.1),), 0)


def comparison(better: float, best: int) -> PromptComparison:
    """Return trials of two classes, with another phrase for the first."""
    other = PhraseScore("lift truck", 0.6, 0.8, better)
    return PromptComparison(
        data="data.json",
        num_images=100,
        of_images=2000,
        num_objects=90,
        model="swin-t",
        weights="base.pth",
        classes=(ClassTrial("forklift", 50, (NAME, other), best), CAT),
        names_score=0.125,
        best_score=0.325 if best else None,
        seconds=12.0,
    )


def test_a_clearly_better_phrase_is_marked_and_comes_with_its_option() -> None:
    text = render_prompts(comparison(0.99, best=1))
    assert "  > lift truck  AP50 0.600  recall 0.800  clearly better: in 99% of 200" in text
    assert "  --class-prompt 'forklift=lift truck'" in text


def test_names_are_kept_when_nothing_is_clearly_better() -> None:
    text = render_prompts(comparison(0.6, best=0))
    assert "keep the names" in text
    assert "--class-prompt" not in text


def test_a_class_the_model_hardly_looks_at_is_named() -> None:
    text = render_prompts(comparison(0.6, best=0))
    assert "hardly detects these, whatever the phrase: cat." in text


def test_without_phrases_it_says_how_to_try_some() -> None:
    trials = msgspec.structs.replace(comparison(0.6, best=0), classes=(CAT,))
    assert "--phrase NAME=PHRASE" in render_prompts(trials)


def test_the_json_holds_the_phrases_to_use() -> None:
    content = json.loads(render_prompts_json(comparison(0.99, best=1)))
    assert content["class_prompts"] == {"forklift": "lift truck"}
