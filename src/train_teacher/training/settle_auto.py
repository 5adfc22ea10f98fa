"""Settle `auto`: look at data and machine, then read the settings on what was chosen."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from train_teacher.config.auto_model import choose_model
from train_teacher.config.auto_recipe import choose_recipe, is_small
from train_teacher.config.data_driven import Decision
from train_teacher.data.manager import DataManager
from train_teacher.engine import machine
from train_teacher.evaluation.base_model import score_base
from train_teacher.inspection.facts import DatasetInfo
from train_teacher.settings.read import names_setting, read_layers
from train_teacher.settings.schema import AUTO, TeacherSettings
from train_teacher.training.plan import data_manager
from train_teacher.weights.missing import missing_files


def settle_auto(
    settings: TeacherSettings,
    cli_values: Mapping[str, Any],
    config: Path | None,
    *,
    dry_run: bool = False,
) -> tuple[TeacherSettings, DataManager | None]:
    """Choose recipe, preset and tuning mode where the settings leave them to us.

    For a recipe the base is scored first, if there are few boxes; a dry run does so only with files
    of this machine. The data is returned too, where it had to be read.

    Raises:
        UserError: data, weights or language model cannot be used.
        UsageError: a GPU was asked for and there is none.
    """
    if AUTO not in (settings.model, settings.recipe):
        return settings, None
    manager = data_manager(settings)
    info = manager.inspect()
    gpu_bytes = machine.gpu_bytes(settings.device, settings.gpus)
    tune_named = names_setting("tune", cli_values, config)
    decisions: list[Decision] = []
    if settings.recipe == AUTO:
        mode = settings.tune if tune_named else None
        why_not = _why_not_scored(settings, info, dry_run=dry_run)
        score = None if why_not else score_base(settings, manager.request)
        decisions += choose_recipe(info, gpu_bytes, settings, mode, score, why_not)
        settings = _with(decisions, cli_values, config)
    if settings.model == AUTO:
        named = tune_named or "tune" in settings.decided.from_recipe
        decisions += choose_model(info, gpu_bytes, settings, settings.tune if named else None)
        settings = _with([d for d in decisions if not d.given], cli_values, config)
    reasons = {d.name: d.reason for d in decisions if not d.given}
    decided = msgspec.structs.replace(
        settings.decided, auto_reasons={**settings.decided.auto_reasons, **reasons}
    )
    return msgspec.structs.replace(settings, decided=decided), manager


def _why_not_scored(settings: TeacherSettings, info: DatasetInfo, *, dry_run: bool) -> str:
    """Say why the base is not scored on the data; nothing where it can be."""
    if not is_small(info):
        return "there are enough boxes"
    if settings.model == AUTO:
        return "--model auto"
    if settings.weights == "none":
        return "its weights are random"
    return "its files are not on this machine" if dry_run and missing_files(settings) else ""


def _with(
    decisions: list[Decision], cli_values: Mapping[str, Any], config: Path | None
) -> TeacherSettings:
    return read_layers({**cli_values, **{d.name: d.value for d in decisions}}, config)
