"""Preparations of a training process."""

import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import distributed

from train_teacher.engine import machine, outer_launch, process
from train_teacher.engine.outer_launcher import OuterLauncher


@pytest.mark.parametrize(("device", "keeps"), [("cpu", True), ("meta", False)])
def test_memory_is_kept_from_step_to_step_where_the_model_is_on_the_cpu(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, device: str, keeps: bool
) -> None:
    done: list[str] = []
    monkeypatch.setattr(machine, "keep_freed_memory", lambda: done.append("kept"))
    runner = SimpleNamespace(
        model=torch.nn.Linear(1, 1, device=device), train=lambda: done.append("trained"), iter=3
    )
    assert process.train(runner, tmp_path / "train.log") == 3  # type: ignore[arg-type]
    assert done == (["kept"] if keeps else []) + ["trained"]


@pytest.fixture
def connected(tmp_path: Path) -> Iterator[None]:
    store = distributed.FileStore(str(tmp_path / "store"), 1)
    distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    yield
    if distributed.is_initialized():
        distributed.destroy_process_group()


@pytest.mark.usefixtures("connected")
def test_a_process_of_several_ends_its_connection_and_nothing_warns_at_its_exit(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(process, "_end_with_launcher", lambda: None)
    monkeypatch.setattr(process.mmengine_runner, "build_runner", lambda *_, **__: None)
    monkeypatch.setattr(process, "train", lambda *_: 1)
    assert process.main([str(tmp_path), "--launcher", str(os.getppid())]) == 0
    assert not distributed.is_initialized()


@pytest.mark.usefixtures("connected")
def test_a_process_that_torchrun_or_slurm_started_ends_its_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    launcher = OuterLauncher("pytorch", 1, 2)
    monkeypatch.setattr(outer_launch.outer_launcher, "outer_launcher", lambda: launcher)
    monkeypatch.setattr(outer_launch.outer_launcher, "join", lambda _: None)
    with outer_launch.among_others() as others:
        assert others
        assert distributed.is_initialized()
    assert not distributed.is_initialized()
