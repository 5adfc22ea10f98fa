"""Runs that are planned and written, and never trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from train_teacher.settings.read import read_layers
from train_teacher.training import plan as use_case
from train_teacher.training.run import write_plan


def plan(config: Path | None, output: Path, **values: Any) -> use_case.TrainingPlan:
    """Return the plan of a run with these settings."""
    settings = read_layers({"output": str(output), **values}, config)
    return use_case.plan_training(settings, dry_run=True)


def written(found: use_case.TrainingPlan) -> Path:
    """Write what a run writes before it trains; return its settings file."""
    found.folder.data.mkdir(parents=True)
    write_plan(found.folder, found.settings, found.dataset_info, found.config_text)
    return found.folder.settings
