"""A dry run says what this machine lacks, and refuses what can never work."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from demo_model import make_settings
from train_teacher.core.errors import UserError
from train_teacher.training.obstacles import download_line, obstacles
from train_teacher.weights.missing import missing_files


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
        ({"weights": "https://example.org/base.pth"}, "if there is no network"),
        ({"language_model": "no/such-bert"}, "teacher fetch swin-t --to DIR"),
    ],
)
def test_what_the_machine_lacks_is_named(settings: dict[str, Any], said: str) -> None:
    given = make_settings(**settings)
    (found,) = obstacles(given, missing_files(given))
    assert said in found


@pytest.mark.parametrize(("gpus", "cure"), [(1, "leave --gpus out"), (2, "use --gpus 2")])
def test_more_processes_than_gpus_would_stop_the_run(
    monkeypatch: pytest.MonkeyPatch, gpus: int, cure: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    (found,) = obstacles(make_settings(gpus=4), ())
    assert f"--gpus 4: PyTorch sees {gpus}" in found
    assert cure in found
    assert obstacles(make_settings(gpus=gpus), ()) == ()
    assert obstacles(make_settings(gpus=4, device="cpu"), ()) == ()


def test_what_would_be_downloaded_is_told_with_its_size_and_source() -> None:
    given = make_settings(weights="https://example.org/base.pth", language_model="no/such-bert")
    assert download_line(missing_files(given)) == (
        "download  the base weights base.pth (size not known, from example.org) and the "
        "vocabulary of no/such-bert (about 1 MB, from huggingface.co)"
    )


def test_a_machine_with_everything_has_no_obstacle_and_downloads_nothing() -> None:
    assert obstacles(make_settings(), ()) == ()
    assert download_line(missing_files(make_settings())) == ""


def test_weights_named_as_a_file_that_is_not_there_are_refused_as_in_the_run(
    tmp_path: Path,
) -> None:
    with pytest.raises(UserError, match="there is no such file"):
        missing_files(make_settings(weights=str(tmp_path / "lost.pth")))
