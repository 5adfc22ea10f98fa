"""The base of a preset looks at labeled images without a run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from generated_data import make_images
from train_teacher.core.errors import UsageError
from train_teacher.evaluation.evaluate import EvaluateRequest, evaluate
from train_teacher.teachers.open import TeacherRequest

CLASSES = ("red circle", "blue square")


def of_demo(data: Path, **values: str) -> EvaluateRequest:
    return EvaluateRequest(TeacherRequest(Path(), device="cpu", **values), model="demo", data=data)  # type: ignore[arg-type]


def test_a_base_is_scored_on_labelled_images_without_a_run(
    mmdet_ready: None, tmp_path: Path
) -> None:
    data = make_images(tmp_path, images=4, seed=5, classes=CLASSES)
    result = evaluate(of_demo(data))
    assert (result.teacher, result.weights) == ("demo", "base")
    assert result.prompt == CLASSES
    assert result.num_images == 4
    assert result.scores.average_precision_50
    assert result.scores.average_precision_50 > 0.1
    assert evaluate(of_demo(data)).scores == result.scores
    said = dict(zip(CLASSES, CLASSES[::-1], strict=True))
    wrong = evaluate(replace(of_demo(data), class_prompts=said))
    assert wrong.prompt == CLASSES[::-1]
    assert (wrong.scores.average_precision or 0.0) < 0.1


def test_random_weights_are_not_scored_as_a_base(tmp_path: Path) -> None:
    data = make_images(tmp_path, images=1, seed=5, classes=CLASSES)
    with pytest.raises(UsageError, match="random weights detect nothing"):
        evaluate(of_demo(data, weights="none"))


def test_a_preset_alone_holds_no_images_to_score_on() -> None:
    with pytest.raises(UsageError, match="--model goes with --data"):
        evaluate(EvaluateRequest(TeacherRequest(Path()), model="demo"))


def test_phrases_are_for_a_base_and_not_for_a_teacher_that_was_taught_others() -> None:
    request = EvaluateRequest(TeacherRequest(Path("run")), class_prompts={"cat": "kitten"})
    with pytest.raises(UsageError, match="--class-prompt goes with --model"):
        evaluate(request)
