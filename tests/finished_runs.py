"""Finished runs for tests of reports on several: folders with results, without a training."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

from demo_model import make_info
from train_teacher.reports.compare import read_runs
from train_teacher.reports.comparison import Comparison, compare_runs
from train_teacher.reports.facts import build_report
from train_teacher.reports.summary import summarize_cost, summarize_run

NAMES = ("red circle", "<b>blue</b> square")


def write_run(
    folder: Path,
    score: float,
    names: tuple[str, ...] = NAMES,
    own: tuple[str, ...] = (),
    **settings: Any,
) -> Path:
    """Write the folder of a run with a score, and return it."""
    records = [
        {"kind": "train", "step": 10, "loss": 3.0, "lr": 1e-4, "time": score, "data_time": 0.0},
        {
            "kind": "val",
            "step": 1,
            "coco/bbox_mAP": score,
            **{f"coco/{name}_precision": score for name in names},
        },
    ]
    folder.mkdir()
    (folder / "mmdet_config.py").write_text("")
    (folder / "metrics.jsonl").write_text("".join(json.dumps(r) + "\n" for r in records))
    report = build_report(
        msgspec.structs.replace(make_info(names), original_names=own),
        summarize_run(records, names, own),
        before=None,
        best=None,
        settings={"model": "demo", "tune": "frozen", "data": "d.json", **settings},
        name=folder.name,
        version="1",
        command="-",
        cost=summarize_cost(records),
    )
    (folder / "results.json").write_bytes(msgspec.json.encode(report))
    return folder


def compare(folders: list[Path]) -> Comparison:
    """Read runs and put them beside each other."""
    return compare_runs([run.report for run in read_runs(folders)])
