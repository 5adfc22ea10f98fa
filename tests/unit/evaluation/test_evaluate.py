"""Requests that cannot be answered are refused before a model is loaded."""

from __future__ import annotations

from pathlib import Path

import pytest

from train_teacher.core.errors import UsageError, UserError
from train_teacher.evaluation.evaluate import EvaluateRequest, evaluate
from train_teacher.teachers.open import TeacherRequest

NOWHERE = TeacherRequest(Path("no-such-run"))


def test_a_split_of_the_run_and_another_file_exclude_each_other() -> None:
    with pytest.raises(UsageError, match="--split"):
        evaluate(EvaluateRequest(NOWHERE, split="test", data=Path("other.json")))


def test_own_classes_are_those_of_another_file() -> None:
    with pytest.raises(UsageError, match="--own-classes goes with --data"):
        evaluate(EvaluateRequest(NOWHERE, own_classes=True))


def test_classes_are_made_of_the_attributes_of_another_file() -> None:
    with pytest.raises(UsageError, match="--class-from goes with --data"):
        evaluate(EvaluateRequest(NOWHERE, class_from="attributes.type"))


def test_detections_overwrite_nothing(tmp_path: Path) -> None:
    kept = tmp_path / "found.json"
    kept.write_text("[]")
    with pytest.raises(UserError, match="nothing is overwritten"):
        evaluate(EvaluateRequest(NOWHERE, detections=kept))


def test_a_precision_is_known_of_the_own_classes_alone() -> None:
    with pytest.raises(UsageError, match="leave --own-classes out"):
        evaluate(EvaluateRequest(NOWHERE, precision=0.9, own_classes=True, data=Path("o.json")))
