"""Settle `--model auto`: look at data and machine, then read the settings on the preset chosen."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from train_teacher.adapters import mmengine_runner
from train_teacher.application.data_manager import DataManager
from train_teacher.application.train_teacher import data_manager, names_setting, read_layers
from train_teacher.domain.model_choice import AUTO, Hardware, choose_model
from train_teacher.domain.settings import TeacherSettings


def settle_model(
    settings: TeacherSettings, cli_values: Mapping[str, Any], config: Path | None
) -> tuple[TeacherSettings, DataManager | None]:
    """Choose preset and tuning mode where the settings leave it to us.

    Args:
        settings: from `read_layers` with the other two.
        cli_values: settings given on the command line.
        config: a settings file, or None.

    Returns:
        The settings on a preset, and the data where it had to be read.

    Raises:
        UserError: the data cannot be read.
        UsageError: a GPU was asked for and there is none.
    """
    if settings.model != AUTO:
        return settings, None
    manager = data_manager(settings)
    hardware = Hardware(mmengine_runner.gpu_bytes(settings.device, settings.gpus))
    named = names_setting("tune", cli_values, config)
    model, tune = choose_model(
        manager.inspect(), hardware, settings, settings.tune if named else None
    )
    chosen = {**cli_values, "model": model.value, "tune": tune.value}
    reasons = {d.name: d.reason for d in (model, tune) if not d.given}
    settled = msgspec.structs.replace(read_layers(chosen, config), auto_reasons=reasons)
    return settled, manager
