"""Settings decided by `--model auto`, and those that stay as given."""

from pathlib import Path

import pytest

from generated_data import make_images
from planned_run import plan, written
from train_teacher.settings.read import read_layers
from train_teacher.training import plan as use_case
from train_teacher.training.choose_model import settle_model

CLASSES = ("red star", "blue ring")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_images(tmp_path_factory.mktemp("data"), images=24, seed=5, classes=CLASSES)


def test_auto_settles_model_and_tuning_and_says_why(data: Path, tmp_path: Path) -> None:
    given = {"model": "auto", "data": str(data), "output": str(tmp_path / "exp1"), "device": "cpu"}
    settings, manager = settle_model(read_layers(given, None), given, None)
    found = use_case.plan_training(settings, manager=manager, dry_run=True)
    assert (found.settings.model, found.settings.tune) == ("swin-t", "lora")
    assert "model.lora" in {override.key for override in found.generated.overrides}
    reasons = {d.name: d.reason for d in found.generated.decisions if not d.given}
    assert "no GPU" in reasons["model"]
    assert "no GPU" in reasons["tune"]
    again = plan(written(found), tmp_path / "exp2")
    assert again.settings.model == "swin-t"
    assert {d.name: d.reason for d in again.generated.decisions if not d.given} == reasons


@pytest.mark.parametrize("place", ["command line", "file"])
def test_with_auto_a_tuning_mode_that_was_named_stays(
    data: Path, tmp_path: Path, place: str
) -> None:
    own = tmp_path / "own.yaml"
    own.write_text("model: auto\n" + ("tune: full\n" if place == "file" else ""), encoding="utf-8")
    given = {"data": str(data), "output": str(tmp_path / "exp1"), "device": "cpu"}
    given |= {"tune": "full"} if place == "command line" else {}
    settings, _ = settle_model(read_layers(given, own), given, own)
    assert (settings.model, settings.tune) == ("swin-t", "full")
    assert set(settings.decided.auto_reasons) == {"model"}
