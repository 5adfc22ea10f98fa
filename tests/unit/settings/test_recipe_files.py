"""A recipe lies beneath everything else, and what it said is remembered."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from demo_model import make_info
from train_teacher.config.generate import generate_mmdet_config
from train_teacher.core.errors import UsageError
from train_teacher.settings.read import read_layers
from train_teacher.settings.recipe_files import read_recipe, recipe_names
from train_teacher.settings.schema import TeacherSettings

GOLDEN = Path(__file__).resolve().parents[2] / "golden"
RUN = {"data": "d.json", "output": "o"}
DEFAULTS = msgspec.to_builtins(TeacherSettings(data="", output=""))


def settings(config: Path | None = None, **values: Any) -> TeacherSettings:
    return read_layers({**RUN, "model": "demo", **values}, config)


def test_the_official_recipe_is_what_the_schema_says() -> None:
    official = read_recipe("official").values
    assert official == {name: DEFAULTS[name] for name in official}
    assert settings() == settings(recipe="official")
    assert settings().decided.from_recipe == []


@pytest.mark.parametrize("name", recipe_names())
@pytest.mark.parametrize("model", ["swin-t", "demo"])
def test_every_recipe_makes_a_config_of_every_kind_of_model(name: str, model: str) -> None:
    found = settings(recipe=name, model=model, weights="none", workers=0, precision="fp32")
    assert generate_mmdet_config(make_info(), found).overrides


def test_the_overrides_of_the_recipe_for_few_boxes_are_the_reviewed_ones() -> None:
    found = settings(recipe="fewshot", model="swin-t", precision="fp32", workers=0)
    resolved = {"weights": "/w/base.pth", "language_model": "/bert", "output": "/run"}
    found = msgspec.structs.replace(found, **resolved)
    lines = [
        f"{o.key} = {msgspec.json.encode(o.value).decode()}  # {o.reason}"
        for o in generate_mmdet_config(make_info(), found).overrides
    ]
    assert "\n".join(lines) + "\n" == (GOLDEN / "overrides_fewshot.txt").read_text()


def test_few_boxes_are_trained_as_published() -> None:
    found = settings(recipe="fewshot", model="swin-l")
    assert (found.tune, found.unfreeze_at, found.schedule) == ("full", "plateau", "plateau")
    assert (found.lr, found.weight_decay, found.epochs) == (1e-4, 0.05, 100)
    assert (found.backbone_lr_factor, found.language_model_lr_factor) == (0.2, 0.2)
    assert found.batch_size == 2, "what the preset says of memory stays"
    generated = generate_mmdet_config(
        make_info(), msgspec.structs.replace(found, weights="none", workers=0, precision="fp32")
    )
    wrapper = next(o.value for o in generated.overrides if o.key == "optim_wrapper")
    assert wrapper["accumulative_counts"] == 2, "four images in a step"


def test_preset_file_and_command_line_are_stronger_than_a_recipe(tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    file.write_text("recipe: fewshot\nweight_decay: 0.1\n")
    found = settings(file, clip_grad=1.0, steps=50)
    assert found.lr == 4e-4, "the demo's own"
    assert (found.weight_decay, found.clip_grad) == (0.1, 1.0)
    assert (found.epochs, found.steps) == (None, 50)
    assert found.augmentation == "fewshot"
    recipes = set(found.decided.from_recipe)
    assert {"tune", "augmentation", "effective_batch"} <= recipes
    assert not {"lr", "weight_decay", "clip_grad", "epochs", "train_scales"} & recipes


@pytest.mark.parametrize("tune", ["lora", "frozen"])
def test_another_way_of_tuning_wins_and_the_stages_fall_away(tune: str) -> None:
    found = settings(recipe="fewshot", tune=tune)
    assert (found.tune, found.unfreeze_at, found.schedule) == (tune, None, "plateau")
    assert f"with --tune {tune}" in found.decided.auto_reasons["unfreeze_at"]


def test_stages_wait_for_no_plateau_that_never_comes(tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    file.write_text("extends: demo\nrecipe: fewshot\nschedule: cosine\n")
    found = read_layers(RUN, file)
    assert (found.unfreeze_at, found.schedule) == (None, "cosine")
    assert "no other schedule has one" in found.decided.auto_reasons["unfreeze_at"]


def test_stages_that_the_user_names_are_not_left_out_silently(tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    file.write_text("extends: demo\nunfreeze_at: 3\n")
    with pytest.raises(UsageError, match="unfreeze_at"):
        read_layers({**RUN, "recipe": "fewshot", "tune": "lora"}, file)


def test_a_recipe_is_a_file_of_ones_own_and_its_place_is_remembered(tmp_path: Path) -> None:
    own = tmp_path / "mine.yaml"
    own.write_text("weight_decay: 0.2\n")
    config = tmp_path / "own.yaml"
    config.write_text("recipe: mine.yaml\n")
    for found in (settings(recipe=str(own)), settings(config)):
        assert (found.weight_decay, found.recipe) == (0.2, str(own))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("weight_deacy: 0.1", "mine.yaml, line 1: 'weight_deacy' is not a setting. Did you mean"),
        ("data: x.json", "data belong to a run or a model, not to a recipe"),
        ("architecture: {model.num_queries: 1}", "architecture belong to a run or a model"),
        ("extends: fewshot", "'extends' is not a setting"),
        ("tune: some", "tune: 'some' is not one of frozen, lora, full"),
    ],
)
def test_what_is_wrong_in_a_recipe_is_told_with_its_place(
    tmp_path: Path, text: str, message: str
) -> None:
    own = tmp_path / "mine.yaml"
    own.write_text(f"{text}\n")
    with pytest.raises(UsageError) as caught:
        settings(recipe=str(own))
    assert message in str(caught.value)


def test_a_recipe_that_is_not_there_is_answered_with_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"no such recipe\. Did you mean 'fewshot'\?"):
        settings(recipe="fewshoot")
    with pytest.raises(UsageError, match=r"lost\.yaml: there is no such file"):
        settings(recipe="lost.yaml")
