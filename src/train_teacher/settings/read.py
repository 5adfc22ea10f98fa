"""Settings from recipe, preset, YAML file and command line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from train_teacher.core.errors import UsageError
from train_teacher.settings import yaml_files
from train_teacher.settings.layers import SettingsLayer, merge_settings, with_decided
from train_teacher.settings.mmdet_classes import SCHEDULERS, TRANSFORMS, check_entries
from train_teacher.settings.recipe_files import OFFICIAL, with_recipe
from train_teacher.settings.schema import AUTO, TeacherSettings


def read_layers(cli_values: Mapping[str, Any], config: Path | None) -> TeacherSettings:
    """Merge recipe, preset, settings file and command line, in this order of strength.

    Raises:
        UsageError: with all problems of all layers.
    """
    chain = yaml_files.read_chain(config) if config else yaml_files.SettingsChain(())
    given = SettingsLayer("command line", _with_recipes_path(cli_values))
    above = [*_file_layers(cli_values.get("model"), config, chain), given]
    if chain.complete and "decided" in with_decided(chain.values):
        _refuse_another_recipe(given.values, config, chain)
        settings = merge_settings(above)
    else:
        settings = with_recipe(above)
    if "lora_rank" in cli_values and settings.tune != "lora":
        raise UsageError("--lora-rank has no effect without --tune lora.")
    check_entries("augmentation", settings.augmentation, TRANSFORMS)
    check_entries("schedule", settings.schedule, SCHEDULERS)
    return settings


def preset_settings(model: str, given: Mapping[str, Any]) -> TeacherSettings:
    """Return the settings of a preset for work other than a run.

    Raises:
        UsageError: there is no such preset, or a setting is wrong.
    """
    asked = SettingsLayer("command line", {"data": "", "output": "", **given})
    return merge_settings([*yaml_files.read_preset_layers(model), asked])


def _with_recipes_path(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings whose recipe, if it is a file, is named in full: a run remembers it."""
    recipe = values.get("recipe")
    if isinstance(recipe, str) and recipe.endswith(yaml_files.YAML_ENDINGS):
        return {**values, "recipe": str(Path(recipe).expanduser().resolve())}
    return dict(values)


def _refuse_another_recipe(
    given: Mapping[str, Any], config: Path | None, chain: yaml_files.SettingsChain
) -> None:
    had = chain.values.get("recipe", OFFICIAL)
    if given.get("recipe", had) != had:
        raise UsageError(
            f"--recipe {given['recipe']}: {config} has every setting of a run that was trained "
            f"with {had}, so a recipe beneath it would change nothing. Name the data and the "
            "preset instead of the file."
        )


def _file_layers(
    model: str | None, config: Path | None, chain: yaml_files.SettingsChain
) -> list[SettingsLayer]:
    """Return preset and settings file; of several ways to name the preset, all must agree."""
    if "mmdet_config" in chain.values and not chain.complete:
        raise UsageError(
            f"--config {config}: mmdet_config is given on the command line (--mmdet-config): it "
            "names a Python file that is run."
        )
    named = model or chain.values.get("model")
    beneath = chain.values.get("model") if chain.complete else chain.preset
    if not chain.complete and beneath is None:
        # What `auto` will be is not known yet: every preset has these settings.
        preset = "swin-t" if named in (None, AUTO) else str(named)
        return [*yaml_files.read_preset_layers(preset), *chain.layers]
    if named not in (None, beneath):
        raise UsageError(
            f"--config {config}: is built on {beneath}, and the model asked for is {named}: most "
            "settings of the file would not fit it. Give one of the two."
        )
    bottom = [] if chain.complete else [SettingsLayer(str(config), {"model": beneath})]
    return [*bottom, *chain.layers]


def names_setting(name: str, cli_values: Mapping[str, Any], config: Path | None) -> bool:
    """Return whether the user gave a setting, on the command line or in a file."""
    layers = yaml_files.read_chain(config).layers if config else ()
    return name in cli_values or any(name in layer.values for layer in layers)
