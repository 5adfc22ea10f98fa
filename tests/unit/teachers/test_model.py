"""Preparations of a teacher before prediction."""

import pytest
import torch

from demo_model import make_settings
from train_teacher.engine import machine
from train_teacher.images.tiles import Tiling
from train_teacher.teachers import model as teacher_model


@pytest.mark.parametrize(("device", "keeps"), [("cpu", 1), ("meta", 0)])
def test_memory_is_kept_from_image_to_image_on_the_cpu(
    monkeypatch: pytest.MonkeyPatch, device: str, keeps: int
) -> None:
    kept: list[bool] = []
    monkeypatch.setattr(machine, "keep_freed_memory", lambda: kept.append(True))
    teacher = teacher_model._ready(torch.nn.Linear(1, 1), [], 1, device, make_settings(tile=640))
    assert teacher.tiling == Tiling(640, 0.2)
    assert len(kept) == keeps
    assert not teacher.detector.training
    assert not any(parameter.requires_grad for parameter in teacher.detector.parameters())
