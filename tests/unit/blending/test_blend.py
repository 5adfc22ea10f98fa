"""Blends of a run: its ends are base and training, and the chosen one is an ordinary bundle."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch

from demo_model import make_info, make_settings
from generated_data import make_images
from train_teacher.blending import blend as module
from train_teacher.blending.blend import BlendRequest, blend
from train_teacher.evaluation.evaluate import EvaluateRequest, evaluate
from train_teacher.reports.summary import RunSummary, Validation
from train_teacher.runs.folder import RunFolder
from train_teacher.settings.read import read_layers
from train_teacher.teachers.adapter_folder import read_card, write_tensors
from train_teacher.teachers.export import FinishedRun
from train_teacher.teachers.open import TeacherRequest
from train_teacher.teachers.run_config import run_config
from train_teacher.teachers.standalone_model import build_trained_detector
from train_teacher.training.plan import plan_training
from train_teacher.training.run import write_plan

pytestmark = pytest.mark.usefixtures("mmdet_ready")
CLASSES = ("red circle", "blue square")
BASE_WAS_BEST = Validation(0, 0.3, 0.4, {})
SUMMARY = RunSummary(before=BASE_WAS_BEST, best=BASE_WAS_BEST, last=None)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_images(tmp_path_factory.mktemp("data"), images=8, seed=5, classes=CLASSES)


def shaken_run(output: Path, data: Path, **values: Any) -> Path:
    """Write a run whose training shook every weight that it may change."""
    given = {"data": str(data), "output": str(output), "model": "demo", "device": "cpu", **values}
    plan = plan_training(read_layers(given, None))
    for folder in (plan.folder.data, plan.folder.checkpoints):
        folder.mkdir(parents=True)
    plan.manager.write_splits(plan.folder.data)
    write_plan(plan.folder, plan.settings, plan.dataset_info, plan.config_text)
    model = build_trained_detector(run_config(plan.folder, plan.settings, plan.dataset_info), None)
    torch.manual_seed(0)
    shaken = {
        name: p.detach() + 0.02 * torch.randn(p.shape)
        for name, p in model.named_parameters()
        if p.requires_grad
    }
    base = getattr(model, "base_identity", None)
    meta = {"base": {"name": base.name, "sha256": base.sha256} if base else None}
    write_tensors(plan.folder.best_checkpoint(), meta, shaken, half=False)
    return output


@pytest.fixture(scope="module", params=["frozen", "lora"])
def run(
    data: Path, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Path:
    return shaken_run(tmp_path_factory.mktemp("runs") / request.param, data, tune=request.param)


def scores(place: Path, data: Path, *, base: bool = False) -> float | None:
    teacher = TeacherRequest(place, base=base, device="cpu")
    return evaluate(EvaluateRequest(teacher, data=data)).scores.average_precision


def test_its_ends_are_base_and_training_and_a_blend_is_an_ordinary_bundle(
    run: Path, tmp_path: Path
) -> None:
    data = make_images(tmp_path / "other", images=3, seed=6, classes=CLASSES)
    bundle = tmp_path / "bundle"
    curve = blend(BlendRequest(run, alpha=0.5, retain=data, output=bundle, device="cpu"))
    retained = [point.retained for point in curve.points]
    assert [point.alpha for point in curve.points] == [0, 0.25, 0.5, 0.75, 1]
    assert len(set(retained)) > 2
    assert retained[0] == scores(run, data, base=True)
    assert retained[-1] == scores(run, data)
    assert retained[2] == pytest.approx(scores(bundle, data), abs=1e-4)
    card = read_card(bundle)
    assert (card.blend, curve.chosen) == (0.5, 0.5)
    assert card.thresholds is not None
    assert card.thresholds.images == curve.validation_images
    assert card.metrics["best"]["map"] == curve.choice.validation
    assert "0.5 of the way from the base" in (bundle / "README.md").read_text()


def test_where_no_epoch_was_better_than_the_base_the_last_one_is_blended(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.checkpoints.mkdir()
    (folder.checkpoints / "last.pth").touch()
    best = folder.checkpoints / "best.pth"
    run = FinishedRun(folder, make_settings(), make_info(), SUMMARY, None, best, None)
    assert module._trained(run).checkpoint.name == "last.pth"
    better = replace(
        run, summary=msgspec.structs.replace(SUMMARY, best=Validation(2, 0.3, 0.4, {}))
    )
    assert module._trained(better).checkpoint == run.checkpoint
