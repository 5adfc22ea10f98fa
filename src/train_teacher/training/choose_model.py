"""`--model auto`: choice of the preset from data and machine, then its settings."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from train_teacher.config.auto_model import choose_model
from train_teacher.data.manager import DataManager
from train_teacher.engine import machine
from train_teacher.settings.read import names_setting, read_layers
from train_teacher.settings.schema import AUTO, TeacherSettings
from train_teacher.training.plan import data_manager


def settle_model(
    settings: TeacherSettings, cli_values: Mapping[str, Any], config: Path | None
) -> tuple[TeacherSettings, DataManager | None]:
    """Choose preset and tuning mode where the settings leave it to us.

    The data is returned too, where it had to be read.

    Raises:
        UserError: the data cannot be read.
        UsageError: a GPU was asked for and there is none.
    """
    if settings.model != AUTO:
        return settings, None
    manager = data_manager(settings)
    gpu_bytes = machine.gpu_bytes(settings.device, settings.gpus)
    named = names_setting("tune", cli_values, config)
    model, tune = choose_model(
        manager.inspect(), gpu_bytes, settings, settings.tune if named else None
    )
    chosen = {**cli_values, "model": model.value, "tune": tune.value}
    reasons = {d.name: d.reason for d in (model, tune) if not d.given}
    settings = read_layers(chosen, config)
    decided = msgspec.structs.replace(settings.decided, auto_reasons=reasons)
    settled = msgspec.structs.replace(settings, decided=decided)
    return settled, manager
