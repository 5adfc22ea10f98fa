"""`--model auto` and `--recipe auto` settle what was not given, and nothing else."""

import re
from pathlib import Path
from typing import Any

import pytest

from generated_data import make_images
from planned_run import plan, written
from train_teacher.config.auto_recipe import FINDS_NOTHING
from train_teacher.core.errors import UsageError
from train_teacher.settings.read import read_layers
from train_teacher.training import plan as use_case
from train_teacher.training.settle_auto import settle_auto
from train_teacher.training.text import render_plan

CLASSES = ("red star", "blue ring")
KNOWN = ("red circle", "green triangle")
"""The base finds them by their names, and nothing by each other's."""
SWAPPED = {"red circle": "green triangle", "green triangle": "red circle"}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_images(tmp_path_factory.mktemp("data"), images=24, seed=5, classes=CLASSES)


def test_auto_settles_model_and_tuning_and_says_why(data: Path, tmp_path: Path) -> None:
    given = {"model": "auto", "data": str(data), "output": str(tmp_path / "exp1"), "device": "cpu"}
    settings, manager = settle_auto(read_layers(given, None), given, None)
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
    settings, _ = settle_auto(read_layers(given, own), given, own)
    assert (settings.model, settings.tune) == ("swin-t", "full")
    assert set(settings.decided.auto_reasons) == {"model"}


def options(data: Path, **values: str) -> dict[str, Any]:
    return {"data": str(data), "device": "cpu", "model": "demo", **values}


def test_a_run_keeps_its_recipe_and_says_which_values_are_from_it(
    data: Path, tmp_path: Path
) -> None:
    given = options(data, recipe="fewshot")
    found = plan(None, tmp_path / "exp1", **given)
    reasons = {override.key: override.reason for override in found.generated.overrides}
    assert reasons["param_scheduler"].endswith("; schedule of recipe fewshot")
    assert "weight_decay" in reasons["optim_wrapper"]
    assert "schedule of recipe fewshot" in found.config_text
    file = written(found)
    again = plan(file, tmp_path / "exp2")
    assert again.settings.recipe == "fewshot"
    assert again.generated.overrides[1:5] == found.generated.overrides[1:5]
    assert {o.key: o.reason for o in again.generated.overrides} == reasons
    changed = plan(file, tmp_path / "exp3", tune="lora", unfreeze_at=None)
    assert "tune" not in changed.settings.decided.from_recipe
    with pytest.raises(UsageError, match="a recipe beneath it would change nothing"):
        plan(file, tmp_path / "exp4", recipe="official")


def test_the_dry_run_tells_the_recipe_and_what_of_it_falls_away(data: Path, tmp_path: Path) -> None:
    given = options(data, recipe="fewshot", tune="lora")
    told = render_plan(plan(None, tmp_path / "exp1", **given), [])
    assert "recipe    fewshot: " in told
    (line,) = [line for line in told.splitlines() if "unfreeze_at" in line]
    assert line.startswith("auto      unfreeze_at: not as the recipe has it")


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_images(tmp_path_factory.mktemp("few"), images=8, seed=5, classes=KNOWN)


@pytest.mark.parametrize(("prompts", "tuning"), [({}, "frozen"), (SWAPPED, "full")])
def test_auto_scores_the_base_and_trains_all_of_one_that_finds_nothing(
    few: Path, tmp_path: Path, prompts: dict[str, str], tuning: str
) -> None:
    given = {**options(few, recipe="auto"), "output": str(tmp_path / "exp1"), "prompts": prompts}
    settings, _ = settle_auto(read_layers(given, None), given, None)
    score = re.search(r"base (0\.\d{3}) mAP", settings.decided.auto_reasons["recipe"])
    assert score
    assert (float(score[1]) < FINDS_NOTHING) == (tuning == "full")
    assert (settings.recipe, settings.tune) == ("official", tuning)
    assert ("tune" in settings.decided.auto_reasons) == (tuning == "full")


def test_auto_keeps_the_tuning_that_was_given(few: Path, tmp_path: Path) -> None:
    given = {**options(few, recipe="auto", tune="lora"), "output": str(tmp_path / "exp1")}
    given["prompts"] = SWAPPED
    settings, _ = settle_auto(read_layers(given, None), given, None)
    assert (settings.recipe, settings.tune) == ("official", "lora")


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"weights": "none"}, "its weights are random"),
        ({"model": "auto"}, "--model auto"),
        ({"model": "swin-t"}, "its files are not on this machine"),
    ],
)
def test_a_base_that_cannot_be_scored_is_named_with_the_reason(
    few: Path, tmp_path: Path, changed: dict[str, str], why: str
) -> None:
    given = {**options(few, recipe="auto", **changed), "output": str(tmp_path / "exp1")}
    settings, _ = settle_auto(read_layers(given, None), given, None, dry_run=True)
    assert f"base not scored: {why}" in settings.decided.auto_reasons["recipe"]
