"""`metrics.jsonl`: every logged number of a run, one JSON object a line."""

from __future__ import annotations

import json
import math
import numbers
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmengine.registry import VISBACKENDS
from mmengine.visualization import BaseVisBackend

from train_teacher.core.atomic_file import write_atomically
from train_teacher.mmdet_plugin.output_folder import naming

FILE_NAME = "metrics.jsonl"
MEMORY = "process_memory"
"""MiB of main memory that the process has held at most, on a machine without a GPU."""


@VISBACKENDS.register_module()
class MetricsFileBackend(BaseVisBackend):
    """Appends training and validation numbers to `metrics.jsonl` in the run folder."""

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
        kind = "val" if any(name.startswith("coco/") for name in scalar_dict) else "train"
        record: dict[str, Any] = {"kind": kind, "step": step}
        for name, value in scalar_dict.items():
            if isinstance(value, numbers.Number):
                number = float(value)  # type: ignore[arg-type]
                record[name] = number if math.isfinite(number) else None
        if kind == "train" and "memory" not in record:
            record[MEMORY] = _peak_memory()
        record["step"] = step
        path = self.experiment
        with naming(path), path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")


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
