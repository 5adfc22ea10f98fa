"""What a training process arranges before it trains."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from train_teacher.engine import process


@pytest.mark.parametrize(("device", "keeps"), [("cpu", True), ("meta", False)])
def test_memory_is_kept_from_step_to_step_where_the_model_is_on_the_cpu(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, device: str, keeps: bool
) -> None:
    done: list[str] = []
    monkeypatch.setattr(process, "keep_freed_memory", lambda: done.append("kept"))
    runner = SimpleNamespace(
        model=torch.nn.Linear(1, 1, device=device), train=lambda: done.append("trained"), iter=3
    )
    assert process.train(runner, tmp_path / "train.log") == 3  # type: ignore[arg-type]
    assert done == (["kept"] if keeps else []) + ["trained"]
