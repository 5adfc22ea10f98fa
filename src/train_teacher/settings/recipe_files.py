"""Recipes: files of settings that lie beneath the preset and everything a user says."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from train_teacher.core.errors import UsageError
from train_teacher.core.words import did_you_mean
from train_teacher.settings.layers import SettingsLayer, merge_settings, merge_values
from train_teacher.settings.recipes import unfreezing_problems
from train_teacher.settings.schema import AUTO, RUN_ONLY, TeacherSettings
from train_teacher.settings.yaml_files import YAML_ENDINGS, configs_folder, read_settings

OFFICIAL = "official"
"""The default; its values are those of the schema."""
STAGES = "unfreeze_at"
OF_A_MODEL = frozenset({"architecture", "base_config", "checkpoint", "language_model", "weights"})


def recipe_names() -> list[str]:
    """Return the names of the recipes that come with the package."""
    return sorted(path.stem for path in (configs_folder() / "recipes").glob("*.yaml"))


def read_recipe(recipe: str) -> SettingsLayer:
    """Read a recipe, given by name or by path.

    Raises:
        UsageError: there is none, it cannot be read, or it says something of a run or a model.
    """
    path = configs_folder() / "recipes" / f"{recipe}.yaml"
    if recipe.endswith(YAML_ENDINGS):
        path = Path(recipe).expanduser()
    elif recipe not in recipe_names():
        names = [*recipe_names(), AUTO]
        raise UsageError(
            f"--recipe {recipe}: no such recipe.{did_you_mean(recipe, names)} Recipes: "
            f"{', '.join(names)}; or give the path of your own YAML file."
        )
    layer = read_settings(path)
    stray = sorted((RUN_ONLY | OF_A_MODEL | {"decided"}) & set(layer.values))
    if stray:
        raise UsageError(
            f"{layer.source}: {', '.join(stray)} belong to a run or a model, not to a recipe: give "
            "them on the command line, in a --config file or in a preset."
        )
    return layer


def with_recipe(above: Sequence[SettingsLayer]) -> TeacherSettings:
    """Merge layers with the recipe that they ask for beneath them, and remember what it said.

    What would not go with what they say falls away. `auto` is not known yet: until then it is the
    default.

    Raises:
        UsageError: there is no such recipe, or see `merge_settings`.
    """
    said = merge_values(above)
    name = said.get("recipe", OFFICIAL)
    if name == AUTO or not isinstance(name, str):
        name = OFFICIAL
    recipe = read_recipe(name)
    values, reasons = dict(recipe.values), {}
    problems = unfreezing_problems({**values, **said})
    if problems and STAGES not in said:
        del values[STAGES]
        why = problems[0].removeprefix(f"{STAGES}: ").partition(". ")[0]
        reasons[STAGES] = f"not as the recipe has it: {why}"
    settings = merge_settings([SettingsLayer(recipe.source, values, recipe.lines), *above])
    if name == OFFICIAL:
        return settings
    by_others = {key for layer in above for key in layer.values}
    own = [n for n in values if n not in by_others and getattr(settings, n) == values[n]]
    decided = msgspec.structs.replace(
        settings.decided,
        from_recipe=own,
        auto_reasons={**settings.decided.auto_reasons, **reasons},
    )
    return msgspec.structs.replace(settings, decided=decided)
