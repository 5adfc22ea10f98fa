"""Files of MMEngine's own Runner (`--plain`), moved to their places in a run folder."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from train_teacher.runs.folder import LOG_FOLDER, RunFolder


def adopt_upstream_files(folder: RunFolder) -> None:
    """Make metrics.jsonl, train.log, last.pth and best.pth from the Runner's files.

    Args:
        folder: of a run that is not training; it may have ended at any point.
    """
    from train_teacher.mmdet_plugin.reporting.metrics_file import append, as_record

    for started in sorted(p for p in folder.root.iterdir() if LOG_FOLDER.fullmatch(p.name)):
        scalars = started / "vis_data" / "scalars.json"
        if scalars.is_file():
            # Nothing of this moment is added: time, memory and the loss since the line before are
            # those of training.
            for line in scalars.read_text("utf-8").splitlines():
                record = json.loads(line)
                append(folder.metrics, as_record(record, record["step"]))
        for log in sorted(started.glob("*.log")):
            with folder.log.open("a", encoding="utf-8") as file:
                file.write(log.read_text("utf-8"))
        shutil.rmtree(started)
        # The config as MMEngine writes it; the run's own is mmdet_config.py.
        started.with_suffix(".py").unlink(missing_ok=True)
    folder.checkpoints.mkdir(exist_ok=True)
    for pattern, name in (("epoch_*.pth", "last.pth"), ("best_*.pth", "best.pth")):
        found = sorted(folder.root.glob(pattern), key=lambda path: path.stat().st_mtime)
        _keep_newest(found, folder.checkpoints / name)
    (folder.root / "last_checkpoint").unlink(missing_ok=True)


def _keep_newest(found: list[Path], target: Path) -> None:
    for path in found[:-1]:
        path.unlink()
    if found:
        found[-1].replace(target)
