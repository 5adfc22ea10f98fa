"""MMEngine's Runner with the run folder of this project and atomic checkpoints."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from mmengine.dist import is_main_process
from mmengine.logging import MMLogger
from mmengine.model import is_model_wrapper
from mmengine.registry import RUNNERS
from mmengine.runner import Runner
from torch import nn

from train_teacher.mmdet_plugin.checkpointing import (
    LAST,
    PREVIOUS,
    check_fits,
    read_checkpoint,
    trust_mmengine_types,
)
from train_teacher.mmdet_plugin.precision import allow_tf32
from train_teacher.mmdet_plugin.probe_hook import ProbeHook

LOG_FILE = "train.log"

trust_mmengine_types()


@RUNNERS.register_module()
class TeacherRunner(Runner):
    """Writes `train.log` and `metrics.jsonl` into the run folder instead of a folder per start."""

    _log_dir: str

    def build_logger(self, log_level: int | str = "INFO", **kwargs: Any) -> MMLogger:
        """Log everything to `train.log`; the terminal gets warnings, ProgressHook does the rest."""
        stamped = Path(self._log_dir)
        if stamped != Path(self.work_dir) and stamped.is_dir() and not any(stamped.iterdir()):
            stamped.rmdir()
        self._log_dir = self.work_dir
        kwargs.setdefault("log_file", str(Path(self.work_dir) / LOG_FILE))
        logger: MMLogger = super().build_logger(log_level=log_level, **kwargs)
        for handler in logger.handlers:
            if not isinstance(handler, logging.FileHandler):
                handler.setLevel(logging.ERROR)
        return logger

    def train(self) -> nn.Module:
        """Fit the run to its machine and train."""
        allow_tf32()
        for hook in self.hooks:
            if isinstance(hook, ProbeHook):
                hook.fit(self)
        model: nn.Module = super().train()
        return model

    def dump_config(self) -> None:
        """Do nothing: the run folder holds the config that this run was started from."""
        if not (Path(self.work_dir) / "mmdet_config.py").exists():
            super().dump_config()

    def save_checkpoint(self, out_dir: str, filename: str, *args: Any, **kwargs: Any) -> None:
        """Write a checkpoint under a temporary name and rename it when it is complete."""
        partial = f".{filename}.partial"
        super().save_checkpoint(out_dir, partial, *args, **kwargs)
        if is_main_process():
            target = Path(out_dir) / filename
            if filename == LAST and target.exists():
                target.replace(target.with_name(PREVIOUS))
            (Path(out_dir) / partial).replace(target)

    def load_checkpoint(self, filename: str, *args: Any, **kwargs: Any) -> Any:
        """Load a checkpoint of this run onto the base that it was trained on.

        Raises:
            UserError: it is damaged, or belongs to another model.
        """
        path = Path(filename)
        checkpoint = read_checkpoint(path)
        model = self.model.module if is_model_wrapper(self.model) else self.model
        check_fits(checkpoint, model, path)
        return super().load_checkpoint(filename, *args, **kwargs)
