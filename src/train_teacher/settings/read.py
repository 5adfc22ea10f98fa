"""Settings from preset, YAML file and command line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from train_teacher.core.errors import UsageError
from train_teacher.settings import yaml_files
from train_teacher.settings.layers import SettingsLayer, merge_settings
from train_teacher.settings.mmdet_classes import SCHEDULERS, TRANSFORMS, check_entries
from train_teacher.settings.schema import AUTO, TeacherSettings


def read_layers(cli_values: Mapping[str, Any], config: Path | None) -> TeacherSettings:
    """Merge preset, settings file and command line, in this order of strength.

    Raises:
        UsageError: with all problems of all layers.
    """
    command_line = SettingsLayer("command line", cli_values)
    settings = merge_settings([*_file_layers(cli_values.get("model"), config), command_line])
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


def _file_layers(model: str | None, config: Path | None) -> list[SettingsLayer]:
    """Return preset and settings file; if the preset is given in several ways, they must agree."""
    chain = yaml_files.read_chain(config) if config else yaml_files.SettingsChain(())
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
