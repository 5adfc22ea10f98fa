"""MMEngine's Runner with the run folder of this project and atomic checkpoints."""

from __future__ import annotations

import copy
import logging
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from mmengine.dist import is_main_process
from mmengine.logging import MMLogger
from mmengine.model import BaseDataPreprocessor, MMDistributedDataParallel
from mmengine.registry import RUNNERS
from mmengine.runner import Runner
from torch import nn
from torch.utils.data import DataLoader

from train_teacher.core.atomic_file import replacing
from train_teacher.core.errors import UserError
from train_teacher.mmdet_plugin.accelerated.precision import allow_tf32
from train_teacher.mmdet_plugin.checkpoints.files import (
    fill_from_base,
    is_slim,
    newest_checkpoint,
    read_checkpoint,
)
from train_teacher.mmdet_plugin.checkpoints.half_step import KEY as GRADIENTS
from train_teacher.mmdet_plugin.checkpoints.half_step import put_back
from train_teacher.mmdet_plugin.checkpoints.hook import (
    BEST,
    FOLDER,
    LAST,
    PREVIOUS,
    trust_mmengine_types,
)
from train_teacher.mmdet_plugin.checkpoints.spoiled import spoiled
from train_teacher.mmdet_plugin.loop.loader_processes import keep_from_signals
from train_teacher.mmdet_plugin.loop.not_finite import CAUSES
from train_teacher.mmdet_plugin.output_folder import require_folder
from train_teacher.mmdet_plugin.runner_access import all_joined, unwrapped
from train_teacher.mmdet_plugin.startup.hook import ProbeHook
from train_teacher.mmdet_plugin.upstream_internals import fetch_without_waiting
from train_teacher.scores.metric_names import METRIC

LOG_FILE = "train.log"

trust_mmengine_types()


@RUNNERS.register_module()
class TeacherRunner(Runner):
    """Writes `train.log` and `metrics.jsonl` into the run folder instead of a folder per start."""

    _half_step: Mapping[str, torch.Tensor]
    _log_dir: str
    _load_from: str | None

    def build_logger(self, log_level: int | str = "INFO", **kwargs: Any) -> MMLogger:
        """Log everything to `train.log`; the terminal gets warnings, ProgressHook does the rest."""
        self._log_dir = self.work_dir
        kwargs.setdefault("log_file", str(Path(self.work_dir) / LOG_FILE))
        logger: MMLogger = super().build_logger(log_level=log_level, **kwargs)
        for handler in logger.handlers:
            if not isinstance(handler, logging.FileHandler):
                handler.setLevel(logging.ERROR)
        return logger

    @staticmethod
    def build_dataloader(
        dataloader: Any, seed: int | None = None, diff_rank_seed: bool = False
    ) -> DataLoader[Any]:
        """Build a loader whose processes do not exit before the run has saved its state.

        With a GPU, its batches are in pinned memory; that is set here
        and not in the config, which is the same on every machine.
        """
        if isinstance(dataloader, dict) and torch.cuda.is_available():
            dataloader = copy.copy(dataloader)
            dataloader.setdefault("pin_memory", True)
        loader: DataLoader[Any] = Runner.build_dataloader(dataloader, seed, diff_rank_seed)
        keep_from_signals(loader)
        return loader

    def build_model(self, model: nn.Module | dict[str, Any]) -> nn.Module:
        """Build the detector; copies of batches to a GPU do not block."""
        built: nn.Module = super().build_model(model)
        preprocessor = getattr(built, "data_preprocessor", None)
        if isinstance(preprocessor, BaseDataPreprocessor):
            fetch_without_waiting(preprocessor, torch.cuda.is_available())
        return built

    def build_optim_wrapper(self, optim_wrapper: Any) -> Any:
        """Build the optimizer, with groups for the parts that join the training later."""
        with all_joined(unwrapped(self)):
            return super().build_optim_wrapper(optim_wrapper)

    def train(self) -> nn.Module:
        """Adapt the run to its machine and train."""
        allow_tf32()
        # MMDetection's own tools start in an empty folder.
        (Path(self.work_dir) / FOLDER).mkdir(parents=True, exist_ok=True)
        for hook in self.hooks:
            if isinstance(hook, ProbeHook):
                hook.fit(self)
        model: nn.Module = super().train()
        return model

    def test(self) -> dict[str, float]:
        """Test, and print the scores: the terminal gets no log."""
        scores: dict[str, float] = super().test()
        if is_main_process():
            width = max(map(len, scores), default=0)
            sys.stdout.write("".join(f"{n:<{width}}  {v:.4f}\n" for n, v in scores.items()))
        return scores

    def wrap_model(self, model_wrapper_cfg: dict[str, Any] | None, model: nn.Module) -> nn.Module:
        """Wrap the model for several processes; on CPUs without the device that MMEngine names."""
        wrapped: nn.Module
        if self.distributed and model_wrapper_cfg is None and not torch.cuda.is_available():
            wrapped = MMDistributedDataParallel(model, broadcast_buffers=False)
        else:
            wrapped = super().wrap_model(model_wrapper_cfg, model)
        if is_main_process():
            # Wrapping waits for every process, so none is still about to use this folder.
            _remove_if_empty(Path(self.work_dir) / self.timestamp)
        return wrapped

    def dump_config(self) -> None:
        """Do nothing: the run folder holds the config that this run was started from."""
        if not (Path(self.work_dir) / "mmdet_config.py").exists():
            super().dump_config()

    def save_checkpoint(self, out_dir: str, filename: str, *args: Any, **kwargs: Any) -> None:
        """Write a checkpoint under a temporary name and rename it when it is complete.

        Raises:
            UserError: the system refuses, for example because the disk is full; or a weight became
                NaN or infinite.
        """
        target = Path(out_dir) / filename
        require_folder(target)
        _refuse_spoiled(target, unwrapped(self))
        if not is_main_process():
            return  # as in MMEngine: the first process writes
        previous = target.with_name(PREVIOUS) if filename == LAST else None
        try:
            with replacing(target, keep_as=previous) as partial:
                super().save_checkpoint(out_dir, partial.name, *args, **kwargs)
        except OSError as error:
            raise UserError(
                f"{target}: cannot be written: {error.strerror}. The checkpoint before it is kept."
            ) from error

    def load_or_resume(self) -> None:
        """Load or resume; `resume` without a file takes the newest readable checkpoint."""
        if self._resume and self._load_from is None and not self._has_loaded:
            newest = newest_checkpoint(Path(self.work_dir), self.logger.warning)
            if newest is None:
                self.logger.warning("there is no checkpoint yet: starting from the beginning")
                return
            self._load_from = str(newest)
        super().load_or_resume()

    def load_checkpoint(
        self, filename: str, map_location: Any = "cpu", *args: Any, **kwargs: Any
    ) -> dict[str, Any]:
        """Load a checkpoint; one of ours is completed from the base first.

        Raises:
            UserError: it is damaged, or belongs to another base or to other settings.
        """
        path = Path(filename)
        checkpoint = read_checkpoint(path, map_location) if path.is_file() else None
        if checkpoint is None or not is_slim(checkpoint):
            loaded: dict[str, Any] = super().load_checkpoint(
                filename, map_location, *args, **kwargs
            )
            self._half_step = loaded.pop(GRADIENTS, {})
            return loaded
        self._half_step = checkpoint.pop(GRADIENTS, {})
        model = unwrapped(self)
        fill_from_base(checkpoint, model, path)
        # EMAHook exchanges tensors here, and needs every one of them.
        self.call_hook("after_load_checkpoint", checkpoint=checkpoint)
        model.load_state_dict(checkpoint["state_dict"])
        self._has_loaded = True
        self.logger.info(f"loaded {filename}")
        return checkpoint

    def resume(self, filename: str, *args: Any, **kwargs: Any) -> None:
        """Resume from a checkpoint, keeping a `best.pth` that is newer than it."""
        super().resume(filename, *args, **kwargs)
        put_back(unwrapped(self), self._half_step)
        best = Path(self.work_dir) / FOLDER / BEST
        if not best.is_file():
            return
        try:
            score = read_checkpoint(best)["meta"].get(METRIC)
        except UserError as error:
            self.logger.warning(f"{error} It is replaced by the next validation.")
            self.message_hub.runtime_info.pop("best_score", None)
            return
        known = self.message_hub.runtime_info.get("best_score")
        if score is not None and (known is None or score > known):
            self.message_hub.update_info("best_score", score)


def _refuse_spoiled(target: Path, model: nn.Module) -> None:
    """Refuse to write a checkpoint with NaN or infinite weights; the one before is kept."""
    trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
    if name := spoiled(trained):
        causes = "\n".join(f"  - {cause}" for cause in CAUSES)
        raise UserError(
            f"{target}: is not written: training has made {name} NaN or infinite, and "
            "no run could resume from it. The checkpoint before it is kept. Likely causes:\n"
            f"{causes}"
        )


def _remove_if_empty(folder: Path) -> None:
    """Remove the folder per start that MMEngine makes, unless something was written there."""
    # Not there, or not empty: both are as they should be.
    with suppress(OSError):
        folder.rmdir()
