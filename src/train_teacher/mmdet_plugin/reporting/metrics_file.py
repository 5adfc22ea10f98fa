"""`metrics.jsonl`: every logged number of a run, one JSON object a line."""

from __future__ import annotations

import json
import math
import numbers
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from mmengine.logging import MessageHub
from mmengine.registry import VISBACKENDS
from mmengine.visualization import BaseVisBackend

from train_teacher.core.atomic_file import write_atomically
from train_teacher.mmdet_plugin.output_folder import naming
from train_teacher.scores.metric_names import ELAPSED, LOSS_SINCE

FILE_NAME = "metrics.jsonl"
MEMORY = "process_memory"
"""Peak main memory of the process in MiB, on a machine without a GPU."""


@VISBACKENDS.register_module()
class MetricsFileBackend(BaseVisBackend):
    """Appends training and validation numbers to `metrics.jsonl` in the run folder."""

    def __init__(self, save_dir: str) -> None:
        """Start the clock at the time an earlier start of the run had taken."""
        super().__init__(save_dir)
        elapsed = seconds_so_far(self.experiment)
        self._started = time.monotonic() - elapsed
        self._logged = None if elapsed else 0
        """Batches at the last line, None where an earlier start wrote it."""

    @property
    def experiment(self) -> Path:
        """Return the file that is written."""
        # The visualizer hands every backend RUN/vis_data; this file belongs beside the others.
        return Path(self._save_dir).parent / FILE_NAME

    def _init_env(self) -> None:
        self.experiment.parent.mkdir(parents=True, exist_ok=True)

    def add_config(self, config: Any, **kwargs: Any) -> None:
        """Do nothing: `mmdet_config.py` is in the run folder."""

    def add_scalar(self, name: str, value: Any, step: int = 0, **kwargs: Any) -> None:
        """Append one number."""
        self.add_scalars({name: value}, step)

    def add_scalars(
        self,
        scalar_dict: Mapping[str, Any],
        step: int = 0,
        file_path: str | None = None,
        **kwargs: Any,
    ) -> None:
        """Append the numbers of one moment.

        Args:
            scalar_dict: names and values; the losses of a step, or the metrics of a validation.
            step: the optimizer step in training, the epoch in validation.
            file_path: unused, MMEngine's own file.
            **kwargs: unused.

        Raises:
            UserError: the system refuses, or the run folder is gone.
        """
        record = as_record(scalar_dict, step)
        if record["kind"] == "train":
            record |= self._loss_since(step)
            if "memory" not in record:
                record[MEMORY] = _peak_memory()
        record[ELAPSED] = round(time.monotonic() - self._started, 1)
        append(self.experiment, record)

    def _loss_since(self, step: int) -> dict[str, float]:
        """Return the mean loss of the batches since the last line, where there is one.

        MMEngine's own is of the last 50, including those logged before: no two are independent.
        """
        batches = 0 if self._logged is None else step - self._logged
        self._logged = step
        losses = MessageHub.get_current_instance().log_scalars.get("train/loss")
        return {LOSS_SINCE: float(losses.mean(batches))} if losses and batches > 0 else {}


def as_record(scalars: Mapping[str, Any], step: int) -> dict[str, Any]:
    """Return a line of metrics.jsonl; NaN and infinite become null.

    Args:
        scalars: names and values; the losses of a step, or the metrics of a validation.
        step: the optimizer step in training, the epoch in validation.
    """
    kind = "val" if any(name.startswith("coco/") for name in scalars) else "train"
    record: dict[str, Any] = {"kind": kind, "step": step}
    for name, value in scalars.items():
        if isinstance(value, numbers.Number):
            number = float(value)  # type: ignore[arg-type]
            record[name] = number if math.isfinite(number) else None
    return record | {"step": step}


def append(path: Path, record: Mapping[str, Any]) -> None:
    """Append a line to metrics.jsonl.

    Raises:
        UserError: the system refuses, or the run folder is gone.
    """
    with naming(path), path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")


def seconds_so_far(path: Path) -> float:
    """Return the seconds a run had taken at the last line of its metrics.jsonl, 0 without one."""
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    with suppress(IndexError, ValueError):
        return float(json.loads(lines[-1]).get(ELAPSED, 0.0))
    return 0.0


def forget_after(path: Path, step: int, epoch: int) -> None:
    """Drop the lines of metrics.jsonl that a resumed run will write again.

    Args:
        path: the file; may be absent.
        step: optimizer steps that are kept.
        epoch: last validation that is kept.

    Raises:
        UserError: the system refuses.
    """
    if not path.exists():
        return
    kept = []
    for line in path.read_text("utf-8").splitlines(keepends=True):
        try:
            record = json.loads(line)
        except ValueError:
            continue  # cut off by a crash
        if record["step"] <= (epoch if record.get("kind") == "val" else step):
            kept.append(line)
    write_atomically(path, "".join(kept))


def _peak_memory() -> float | None:
    try:
        import resource
    except ImportError:
        return None  # Windows
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Linux counts in kB, macOS in bytes.
    return round(peak / (2**20 if sys.platform == "darwin" else 2**10), 1)
