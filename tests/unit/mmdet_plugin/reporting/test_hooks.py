"""Reports of a training are also written, for the report and for a resumed run."""

from __future__ import annotations

import importlib
import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch import nn

importlib.import_module("train_teacher.mmdet_plugin")

# ruff: noqa: E402 - the plugin comes first
from train_teacher.core.freeze_table import FreezeTable, ModelPart, read_freeze_table
from train_teacher.mmdet_plugin.reporting.hooks import FreezeProofHook


def runner_of(folder: Path) -> Any:
    model = nn.ModuleDict({"backbone": nn.Linear(3, 3), "neck": nn.Linear(3, 2)})
    model["backbone"].requires_grad_(False)
    optimizer = torch.optim.SGD(model["neck"].parameters(), lr=0.1)
    return SimpleNamespace(
        model=model,
        optim_wrapper=optimizer,
        logger=logging.getLogger("a run"),
        work_dir=folder,
        message_hub=SimpleNamespace(runtime_info={}),
    )


def table_in(folder: Path) -> FreezeTable:
    table = read_freeze_table(folder / "data" / "freeze_table.json")
    assert table is not None
    return table


def test_the_table_is_there_from_the_start_and_the_proof_at_the_end(tmp_path: Path) -> None:
    runner, hook = runner_of(tmp_path), FreezeProofHook()
    hook.before_train(runner)
    parts = ModelPart("backbone", 12, 0), ModelPart("neck", 8, 8)
    assert table_in(tmp_path) == FreezeTable(parts)
    hook.after_train(runner)
    assert table_in(tmp_path).parts == parts
    assert table_in(tmp_path).proof == "no step was made, and nothing changed"
