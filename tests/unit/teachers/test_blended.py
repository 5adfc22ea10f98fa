"""One detector is moved along the blend in place."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from train_teacher.core.errors import UsageError
from train_teacher.mmdet_plugin.checkpoints.files import read_checkpoint
from train_teacher.teachers import blended as module
from train_teacher.teachers.adapter_folder import write_tensors
from train_teacher.teachers.blended import BlendedTeacher


def run_of(folder: Path, **tensors: torch.Tensor) -> Any:
    """Return a run whose checkpoint holds these tensors and names no base."""
    write_tensors(folder / "best.pth", {"base": None}, tensors, half=False)
    return SimpleNamespace(
        folder=SimpleNamespace(root=folder),
        checkpoint=folder / "best.pth",
        settings=SimpleNamespace(weights="base.pth"),
        dataset_info=None,
    )


def test_it_goes_back_and_forth_without_losing_either_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    detector = torch.nn.Linear(4, 4)
    before, trained = detector.weight.detach().clone(), torch.rand(4, 4)
    model = SimpleNamespace(detector=detector)
    monkeypatch.setattr(module, "load_run", lambda *_, **__: model)
    teacher = BlendedTeacher(run_of(tmp_path, weight=trained), "cpu")
    assert torch.equal(teacher.at(1.0).detector.weight, trained)
    assert torch.allclose(teacher.at(0.5).detector.weight, (before + trained) / 2)
    assert torch.equal(teacher.at(0.0).detector.weight, before)
    assert torch.equal(teacher.at(1.0).detector.weight, trained)
    teacher.save(0.0, tmp_path / "blend.pth")
    assert torch.equal(read_checkpoint(tmp_path / "blend.pth")["state_dict"]["weight"], before)


def test_random_weights_are_no_base_to_blend_with(tmp_path: Path) -> None:
    run = run_of(tmp_path)
    run.settings.weights = "none"
    with pytest.raises(UsageError, match="no base to blend with"):
        BlendedTeacher(run, "cpu")
