"""`from train_teacher import train_teacher`: a whole run in one call."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from train_teacher.engine import machine
from train_teacher.reports.write import RunResult
from train_teacher.settings.read import read_layers
from train_teacher.training import plan
from train_teacher.training.settle_auto import settle_auto


def train_teacher(
    data: str | Path, output: str | Path, *, config: Path | None = None, **settings: Any
) -> RunResult:
    """Train as the command `train-teacher` does, and return its results.

    Args:
        data: COCO JSON, or a folder with train/valid/test.
        output: run folder to create.
        config: YAML file of settings.
        settings: any others, by the names of docs/reference/settings.md.

    Raises:
        UserError: a setting is wrong, or data, weights or machine cannot be trained with.
    """
    given = {"data": str(data), "output": str(output), **settings}
    asked = read_layers(given, config)
    machine.require_gpus(asked.device, asked.gpus)
    asked, manager = settle_auto(asked, given, config)
    return plan.train_teacher(plan.plan_training(asked, manager=manager))
