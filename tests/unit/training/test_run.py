"""Results are written once, and also when what is made of the model fails."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from demo_model import make_info, make_settings
from train_teacher.core.errors import UserError
from train_teacher.runs.folder import RunFolder
from train_teacher.training import run as module
from train_teacher.training.run import Training


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Return what results are written with."""
    calls: list[Any] = []
    facts = SimpleNamespace(dataset_info=make_info(), best=None)
    monkeypatch.setattr(module, "gather_run_facts", lambda *_: facts)
    monkeypatch.setattr(module, "write_run_results", lambda *given: calls.append(given[2:]))
    monkeypatch.setattr(module, "score_retained", lambda *_: "retained")
    monkeypatch.setattr(module, "score_test_split", lambda *_: "test")
    return calls


def training_of(folder: Path) -> Training:
    settings = make_settings(tune="lora", device="cpu", retain="other.json")
    return Training(RunFolder(folder), settings, lambda: 3, lambda: None)


def test_results_are_written_once_with_everything(
    tmp_path: Path, written: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Training, "_write_adapter", lambda *_: None)
    training_of(tmp_path).finish(make_info())
    assert written == [("test", "", "retained")]


@pytest.mark.parametrize(
    "error",
    [
        UserError("/images: there is no such folder."),
        OSError(5, "Input/output error"),
        RuntimeError("CUDA out of memory.\nTried to allocate 2 GiB"),
    ],
)
def test_a_test_split_that_cannot_be_scored_costs_nothing_but_its_score(
    tmp_path: Path, written: list[Any], monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: Any) -> None:
        raise error

    monkeypatch.setattr(module, "score_test_split", fail)
    monkeypatch.setattr(Training, "_write_adapter", lambda *_: None)
    training_of(tmp_path).finish(make_info())
    assert written == [(None, " ".join(str(error).split()), "retained")]


def test_an_adapter_that_cannot_be_written_does_not_cost_the_results(
    tmp_path: Path, written: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise UserError("the disk is full")

    monkeypatch.setattr(Training, "_write_adapter", fail)
    with pytest.raises(UserError, match="the disk is full"):
        training_of(tmp_path).finish(make_info())
    assert written == [(None, "", None)]
