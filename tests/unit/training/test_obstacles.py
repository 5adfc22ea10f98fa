"""A dry run says what this machine lacks, and refuses what can never work."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from demo_model import make_settings
from train_teacher.core.errors import UserError
from train_teacher.training.obstacles import obstacles


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRAIN_TEACHER_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"device": "cuda"}, "--device cuda: PyTorch sees no GPU"),
        ({"precision": "bf16"}, "--precision bf16 needs a GPU"),
        (
            {"weights": "https://example.org/base.pth"},
            "the base weights base.pth (size not known, from example.org) is not at hand",
        ),
        (
            {"language_model": "no/such-bert"},
            "the vocabulary of no/such-bert (about 1 MB",
        ),
    ],
)
def test_what_the_machine_lacks_is_named(settings: dict[str, Any], said: str) -> None:
    (found,) = obstacles(make_settings(**settings))
    assert said in found


def test_a_machine_with_everything_has_no_obstacle() -> None:
    assert obstacles(make_settings()) == ()


def test_weights_named_as_a_file_that_is_not_there_are_refused_as_in_the_run(
    tmp_path: Path,
) -> None:
    with pytest.raises(UserError, match="there is no such file"):
        obstacles(make_settings(weights=str(tmp_path / "lost.pth")))
