"""Starting a run: what another run left in the folder is never touched."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from demo_model import make_info, make_settings
from train_teacher.core.errors import UserError
from train_teacher.runs.folder import RunFolder
from train_teacher.training import plan as use_case


class NoData:
    def write_splits(self, folder: Path) -> None:
        (folder / "train.json").touch()


def plan_for(root: Path) -> use_case.TrainingPlan:
    return use_case.TrainingPlan(
        settings=make_settings(device="cpu"),
        folder=RunFolder(root),
        manager=cast(Any, NoData()),
        dataset_info=make_info(),
        generated=cast(Any, None),
        config_text="",
        differences=(),
        frozen=(),
        retained=None,
    )


def stopped(*_: object, **__: object) -> Any:
    raise KeyboardInterrupt


def test_a_run_that_finished_while_another_was_planned_is_neither_overwritten_nor_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_for(tmp_path / "run")
    best = plan.folder.checkpoints / "best.pth"
    best.parent.mkdir(parents=True)
    best.write_text("hours of training")
    monkeypatch.setattr(use_case, "start_training", stopped)
    with pytest.raises(UserError, match="already holds a run"):
        use_case.train_teacher(plan)
    assert best.read_text() == "hours of training"
    assert not plan.folder.settings.exists()


@pytest.mark.parametrize("phase", ["building", "first step"])
def test_a_run_stopped_before_it_trained_leaves_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, phase: str
) -> None:
    class Training:
        finish = staticmethod(stopped)

    monkeypatch.setattr(
        use_case, "start_training", stopped if phase == "building" else lambda *_, **__: Training
    )
    with pytest.raises(KeyboardInterrupt):
        use_case.train_teacher(plan_for(tmp_path / "run"))
    assert not (tmp_path / "run").exists()
