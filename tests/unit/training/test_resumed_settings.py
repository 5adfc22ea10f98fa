"""The promise of settings.yaml: the same config again, whatever was chosen or given."""

from pathlib import Path
from typing import Any

import pytest

from generated_data import make_images
from planned_run import plan, written
from train_teacher.runs.checkpoints import FoundCheckpoint
from train_teacher.training import plan as use_case
from train_teacher.training.resumed_settings import resumed_settings

CLASSES = ("red star", "blue ring")
LR = "optim_wrapper.optimizer.lr"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_images(tmp_path_factory.mktemp("data"), images=24, seed=5, classes=CLASSES)


GIVEN: list[dict[str, Any]] = [
    {},  # epochs and learning rate are chosen
    {"epochs": 2, "lr": 1e-5},
    {"steps": 50},
    {"tune": "lora", "lora_rank": 4},
    {"set": {"train_dataloader.dataset.pipeline.2.prob": 0.3, "model.num_queries": 30}},
    {"schedule": "cosine", "optimizer": {"type": "SGD", "momentum": 0.9}, "lr": 1e-3},
    {"augmentation": [{"type": "RandomFlip", "prob": 0.2}, {"type": "PhotoMetricDistortion"}]},
]


@pytest.mark.parametrize("given", GIVEN)
def test_the_settings_file_gives_the_identical_config_in_another_folder(
    data: Path, tmp_path: Path, given: dict[str, Any]
) -> None:
    own = tmp_path / "own.yaml"
    own.write_text("extends: demo\ndevice: cpu\nlr: null\nepochs: null\n", encoding="utf-8")
    one, two = tmp_path / "exp1", tmp_path / "another" / "experiment-2"
    first = plan(None, one, model=str(own), data=str(data), **given)
    settings = written(first)
    own.unlink()  # the run depends on no file that may change or go
    again = resumed_settings(first.folder, {}, FoundCheckpoint(None))
    assert (again.settings, again.notes, again.config_edited) == (first.settings, (), False)
    second = plan(settings, two)

    written(second)
    for name in ("mmdet_config.py", "settings.yaml"):
        theirs = (two / name).read_text().replace(str(two), str(one))
        assert theirs == (one / name).read_text()
    assert second.generated.schedule == first.generated.schedule


def test_a_repeat_says_of_a_chosen_value_why_and_of_a_given_one_that_it_was_given(
    data: Path, tmp_path: Path
) -> None:
    own = tmp_path / "own.yaml"
    own.write_text("extends: demo\nlr: null\n", encoding="utf-8")
    first = plan(None, tmp_path / "exp1", model=str(own), data=str(data))
    settings = written(first)

    def given_rate(found: use_case.TrainingPlan) -> bool:
        return next(o.by_user for o in found.generated.overrides if o.key == LR)

    assert not given_rate(plan(settings, tmp_path / "exp2"))
    assert given_rate(plan(settings, tmp_path / "exp3", lr=3e-5))
