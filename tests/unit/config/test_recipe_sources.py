"""A generated config says of each value which recipe it is from."""

from __future__ import annotations

from msgspec.structs import fields, replace

from demo_model import make_settings
from train_teacher.config.model import GIVEN, Override
from train_teacher.config.recipe_sources import SETTINGS_OF, with_recipe_named
from train_teacher.settings.decided import Decided
from train_teacher.settings.schema import TeacherSettings

SETTINGS = replace(
    make_settings(), recipe="fewshot", decided=Decided(from_recipe=["lr", "schedule"])
)


def reasons(*overrides: Override, settings: TeacherSettings = SETTINGS) -> list[str]:
    return [override.reason for override in with_recipe_named(overrides, settings)]


def test_the_recipe_is_named_beside_the_reason_and_in_place_of_no_reason() -> None:
    rate = Override("optim_wrapper.optimizer.lr", 1e-4, GIVEN)
    schedule = Override("param_scheduler", [], "half the rate")
    assert reasons(rate, schedule) == [
        "lr of recipe fewshot",
        "half the rate; schedule of recipe fewshot",
    ]


def test_what_is_not_of_the_recipe_keeps_its_reason() -> None:
    others = Override("train_cfg", {}, "9 passes"), Override("work_dir", "/run", "the run folder")
    assert reasons(*others) == ["9 passes", "the run folder"]
    rate = Override("optim_wrapper.optimizer.lr", 1e-4, GIVEN)
    assert reasons(rate, settings=make_settings()) == [GIVEN]


def test_every_setting_that_is_named_is_one() -> None:
    known = {field.name for field in fields(TeacherSettings)}
    assert {name for names in SETTINGS_OF.values() for name in names} <= known
