"""An evaluation as text and JSON."""

from __future__ import annotations

import msgspec

from train_teacher.evaluation.evaluate import Evaluation
from train_teacher.pages.page import render_text
from train_teacher.prompts.caption import told_name

NAME_WIDTH = 40


def render_evaluation_json(evaluation: Evaluation) -> str:
    """Return the evaluation as one JSON object."""
    return msgspec.json.format(msgspec.json.encode(evaluation)).decode()


def render_evaluation(evaluation: Evaluation) -> str:
    """Return the evaluation for a terminal."""
    classes = evaluation.scores.classes
    names = [
        told_name(entry.name, phrase)[:NAME_WIDTH]
        for entry, phrase in zip(classes, evaluation.prompt, strict=True)
    ]
    return render_text(
        "evaluation/evaluation.txt.j2",
        evaluation=evaluation,
        names=names,
        width=max(5, *map(len, names)) if names else 5,
    ).rstrip("\n")
