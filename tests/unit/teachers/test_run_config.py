"""The config of a run is built from its data; the Python file in its folder is not run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from generated_data import make_images
from train_teacher.config import merge
from train_teacher.config.generate import generate_mmdet_config, reasons_by_key
from train_teacher.core.python_files import allow_python_files
from train_teacher.engine import runner
from train_teacher.runs.folder import RunFolder
from train_teacher.settings.read import read_layers
from train_teacher.teachers.run_config import run_config
from train_teacher.training.plan import TrainingPlan, config_header, plan_training
from train_teacher.training.run import write_plan

pytestmark = pytest.mark.usefixtures("mmdet_ready")
CLASSES = ("red star", "blue ring")
MARK = "\nraise SystemExit('the file was run')\n"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_images(
        tmp_path_factory.mktemp("data"),
        images=24,
        seed=5,
        classes=CLASSES,
    )


def planned(data: Path, output: Path, **values: Any) -> TrainingPlan:
    given = {"data": str(data), "output": str(output), "model": "demo", "device": "cpu", **values}
    plan = plan_training(read_layers(given, None))
    for folder in (plan.folder.data, plan.folder.checkpoints):
        folder.mkdir(parents=True)
    write_plan(plan.folder, plan.settings, plan.dataset_info, plan.config_text)
    return plan


@pytest.fixture
def run(data: Path, tmp_path: Path) -> TrainingPlan:
    return planned(data, tmp_path / "run")


@pytest.fixture
def allowed() -> Iterator[None]:
    allow_python_files(True)
    yield
    allow_python_files(False)


def read_again(folder: RunFolder, plan: TrainingPlan) -> Any:
    settings = read_layers({"output": str(folder.root)}, folder.settings)
    return run_config(folder, settings, plan.dataset_info)


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"tune": "lora", "steps": 50},
        {"set": {"model.num_queries": 30, "val_dataloader.dataset.pipeline.1.keep_ratio": False}},
        {"augmentation": [{"type": "RandomFlip", "prob": 0.2}], "schedule": "cosine"},
    ],
)
def test_it_is_the_written_one_byte_for_byte(
    data: Path, tmp_path: Path, values: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    plan = planned(data, tmp_path / "run", **values)
    config = read_again(plan.folder, plan)
    reasons = reasons_by_key(generate_mmdet_config(plan.dataset_info, plan.settings).overrides)
    text = merge.render_config(config, config_header(plan.settings), reasons)
    assert text == plan.folder.config.read_text()
    loaded = runner.load_config(plan.folder.config).to_dict()
    assert config.to_dict() == {key: loaded[key] for key in config}
    assert "edited" not in capsys.readouterr().err


def test_a_file_that_was_edited_is_not_run_and_that_is_said(
    run: TrainingPlan, capsys: pytest.CaptureFixture[str]
) -> None:
    path = run.folder.config
    before = runner.load_config(path).to_dict()
    path.write_text(path.read_text() + MARK)
    again = read_again(run.folder, run).to_dict()
    assert again == {key: before[key] for key in again}
    assert f"note: {path} was edited and is not run" in capsys.readouterr().err


def test_a_digest_that_fits_the_edit_changes_nothing(run: TrainingPlan) -> None:
    path, record = run.folder.config, run.folder.record
    path.write_text(path.read_text() + MARK)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    record.write_text(json.dumps({**json.loads(record.read_text()), "config_sha256": digest}))
    assert read_again(run.folder, run).model.type == "TeacherGroundingDINO"


@pytest.mark.usefixtures("allowed")
def test_an_edited_file_is_run_where_the_user_allowed_it(run: TrainingPlan) -> None:
    path = run.folder.config
    path.write_text(path.read_text() + "\nval_dataloader['batch_size'] = 1 + 2\n")
    assert read_again(run.folder, run).val_dataloader.batch_size == 3
