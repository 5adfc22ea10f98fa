"""A damaged file in a run folder: resume, evaluate, export and compare go on, or say which file.

The run is planned as train-teacher plans it and trains nothing; its checkpoints are small ones.
"""

from __future__ import annotations

import atexit
import json
import os
import random
import shutil
import sys
import tempfile
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

from fuzz_inspect import ODD_VALUES, damage, damage_bytes

TESTS = Path(__file__).resolve().parents[1] / "tests"
FILES = (
    "settings.yaml",
    "mmdet_config.py",
    "metrics.jsonl",
    "results.json",
    "data/started_with.json",
    "data/dataset_info.json",
    "data/freeze_table.json",
    "data/train.json",
    "data/val.json",
    "checkpoints/last.pth",
    "checkpoints/previous.pth",
    "checkpoints/best.pth",
)
META = {"epoch": 1, "iter": 6, "base": {"name": "base.pth", "sha256": "0" * 64}, "cfg": ""}


@cache
def whole_run() -> Path:
    """Return the folder of a run that was stopped in its second epoch."""
    # The training stack warns while it is imported, which is nobody's input.
    import train_teacher.mmdet_plugin.checkpoints.files  # noqa: F401

    sys.path.append(str(TESTS))
    from generated_data import make_images

    folder = Path(tempfile.mkdtemp(prefix="fuzz-run-"))
    data = make_images(folder / "data", images=12, seed=5, classes=("red circle", "blue square"))
    run = folder / "run"
    plan_and_write(data, run)
    atexit.register(shutil.rmtree, folder)
    return run


def plan_and_write(data: Path, run: Path) -> None:
    """Write the folder of a run as train-teacher does, and train nothing."""
    from train_teacher.reports.write import gather_run_facts, write_run_results
    from train_teacher.settings.read import read_layers
    from train_teacher.training import plan
    from train_teacher.training.run import write_plan

    given = {"data": str(data), "output": str(run), "model": "demo", "device": "cpu", "epochs": 2}
    made = plan.plan_training(read_layers(given, None))
    for folder in (run, run / "data", run / "checkpoints"):
        folder.mkdir()
    made.manager.write_splits(run / "data")
    write_plan(made.folder, made.settings, made.dataset_info, made.config_text)
    records: list[dict[str, Any]] = [
        {"kind": "train", "epoch": 1, "step": 6, "loss": 3.5, "lr": 1e-4}
    ]
    records.append({"kind": "val", "epoch": 1, "step": 6, "coco/bbox_mAP": 0.25})
    (run / "metrics.jsonl").write_text("".join(json.dumps(r) + "\n" for r in records))
    (run / "data" / "freeze_table.json").write_text("[]")
    for name in ("last", "previous", "best"):
        write_checkpoint(run / "checkpoints" / f"{name}.pth", META)
    facts = gather_run_facts(made.folder, made.dataset_info, made.settings, 6, 60.0)
    write_run_results(made.folder, facts, None)


def write_checkpoint(path: Path, meta: Any) -> None:
    """Write a checkpoint of one small tensor."""
    import torch

    torch.save({"meta": meta, "state_dict": {"a": torch.ones(2)}, "optimizer": {}}, path)


def damaged(content: bytes, name: str, chance: random.Random) -> bytes:
    """Return a file with something wrong in it."""
    kind = chance.random()
    if kind < 0.1:
        return b""
    if name.endswith(".json") and kind < 0.7:
        value = json.loads(content)
        for _ in range(chance.randint(1, 4)):
            if not value:
                value = deepcopy(chance.choice(ODD_VALUES))
            if isinstance(value, dict | list):
                damage(value, chance)
        return json.dumps(value).encode("utf-8", "replace")
    if name.endswith((".yaml", ".jsonl")) and kind < 0.7:
        lines = content.decode().splitlines()
        place = chance.randrange(len(lines))
        if name.endswith(".yaml"):
            key = lines[place].partition(":")[0]
            lines[place] = f"{key}: {json.dumps(chance.choice(ODD_VALUES))}"
        else:
            record = json.loads(lines[place])
            damage(record, chance)
            lines[place] = json.dumps(record)
        return "\n".join(lines).encode("utf-8", "replace")
    return damage_bytes(content, chance) + (b"x" if kind > 0.95 else b"")


def damage_file(run: Path, name: str, chance: random.Random) -> None:
    """Replace a file of a copy whose files are those of the whole run."""
    path = run / name
    content = path.read_bytes()
    path.unlink()
    kind = chance.random()
    if kind < 0.05:
        return
    if kind < 0.08:
        path.mkdir()
    elif name.endswith(".pth") and kind < 0.6:
        meta = deepcopy(META)
        damage(meta, chance)
        write_checkpoint(path, chance.choice([meta, meta, meta, *ODD_VALUES]))
    else:
        path.write_bytes(damaged(content, name, chance))


def resume_one(path: Path, seed: int) -> None:
    """Damage one or two files, and look at the run as four commands do."""
    chance = random.Random(seed)
    run = path.with_name(f"run{seed}")
    shutil.copytree(whole_run(), run, copy_function=os.link)
    for name in chance.sample(FILES, chance.choice((1, 1, 2))):
        damage_file(run, name, chance)
    try:
        look(run, chance.choice(("resume", "resume", "use", "compare")))
    finally:
        shutil.rmtree(run)


def look(run: Path, command: str) -> None:
    """Do what a command does before it needs a model."""
    from train_teacher.core.freeze_table import read_freeze_table
    from train_teacher.mmdet_plugin.checkpoints.files import newest_checkpoint, read_checkpoint
    from train_teacher.reports.compare import read_runs
    from train_teacher.reports.comparison import compare_runs
    from train_teacher.reports.comparison_page import render_comparison
    from train_teacher.reports.comparison_text import render_comparison_text
    from train_teacher.reports.write import gather_run_facts
    from train_teacher.teachers.export import read_run
    from train_teacher.training.resume import held_run, plan_resume

    if command == "resume":
        given = {"output": str(run), "epochs": 4}
        with held_run(given) as folder:
            plan = plan_resume(folder, given)
            read_freeze_table(folder.freeze_table)
            gather_run_facts(folder, plan.dataset_info, plan.settings, 6, 60.0)
        newest_checkpoint(run, lambda _: None)
    elif command == "use":
        read_checkpoint(read_run(run).folder.best_checkpoint())
    else:
        runs = read_runs([run, whole_run()])
        comparison = compare_runs([each.report for each in runs])
        render_comparison_text(comparison)
        render_comparison(comparison, runs)
