"""Checkpoints of a run: last.pth and best.pth hold only the trained tensors.

The rest is in the base checkpoint, which the detector loads when it is built; `meta.base` says
which file that was. Without a base there is nothing to rebuild from, and all is kept.
"""

from __future__ import annotations

from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
import torch
from mmengine.dist import is_main_process
from mmengine.hooks import CheckpointHook
from mmengine.logging import HistoryBuffer
from mmengine.registry import HOOKS
from mmengine.runner import Runner

from train_teacher.mmdet_plugin.checkpoints.base_identity import BaseIdentity
from train_teacher.mmdet_plugin.checkpoints.half_step import KEY as GRADIENTS
from train_teacher.mmdet_plugin.checkpoints.half_step import pending_gradients
from train_teacher.mmdet_plugin.runner_access import unwrapped

FOLDER = "checkpoints"
LAST = "last.pth"
PREVIOUS = "previous.pth"
"""The `last.pth` before, during training: a damaged `last.pth` then costs one epoch."""
BEST = "best.pth"
EMA_PREFIX = "module."


STATISTICS = frozenset({"min", "max", "mean", "current"})


def _statistics_method(owner: object, name: str) -> Any:
    """Stand in for `getattr` in a checkpoint: HistoryBuffer's statistics, and nothing else.

    Raises:
        UnpicklingError: the checkpoint asks for any other attribute.
    """
    if owner is HistoryBuffer and name in STATISTICS:
        return getattr(owner, name)
    raise UnpicklingError(f"the checkpoint asks for attribute {name!r} of {owner!r}")


def trust_mmengine_types() -> None:
    """Let torch.load's safe mode read what MMEngine 0.10.7 puts into its own checkpoints.

    `weights_only`, torch.load's default, refuses MMEngine's message hub (a
    HistoryBuffer of numpy arrays), so MMEngine cannot resume; these types hold numbers and run no
    code, and the check stays on for everything else (mmengine#1655).
    """
    # What numpy's own pickles name; their module moved in numpy 2, and both names occur.
    reconstruct: Any = np.empty(0).__reduce__()[0]
    scalar: Any = np.float64().__reduce__()[0]
    dtypes = {type(np.dtype(kind)) for kind in ("f8", "f4", "i8", "i4", "u1", "?")}
    torch.serialization.add_safe_globals(
        [
            HistoryBuffer,
            np.ndarray,
            np.dtype,
            scalar,
            (reconstruct, "numpy.core.multiarray._reconstruct"),
            (reconstruct, "numpy._core.multiarray._reconstruct"),
            (scalar, "numpy.core.multiarray.scalar"),
            # HistoryBuffer pickles its statistics as getattr(HistoryBuffer, "mean").
            (_statistics_method, "builtins.getattr"),
            *dtypes,
        ]
    )


@HOOKS.register_module()
class TeacherCheckpointHook(CheckpointHook):
    """Writes `checkpoints/last.pth` (resumable) and `checkpoints/best.pth`."""

    # After every hook that needs the full state dict, such as EMAHook (NORMAL).
    priority = "LOWEST"

    def before_run(self, runner: Runner) -> None:
        """Remember the buffers as the base and the constructor made them."""
        model = unwrapped(runner)
        self._buffers = {name: b.detach().cpu().clone() for name, b in model.named_buffers()}

    def before_train(self, runner: Runner) -> None:
        """Choose the folder."""
        super().before_train(runner)
        self.out_dir = str(Path(runner.work_dir) / FOLDER)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Drop what the base checkpoint holds already; add the gradients of an unfinished step."""
        model = unwrapped(runner)
        if "optimizer" in checkpoint and (
            gradients := pending_gradients(model, runner.optim_wrapper)
        ):
            checkpoint[GRADIENTS] = gradients
        base: BaseIdentity | None = getattr(model, "base_identity", None)
        checkpoint["meta"]["base"] = base.to_dict() if base else None
        if base is None:
            return
        kept = {name for name, p in model.named_parameters() if p.requires_grad}
        kept |= {
            name
            for name, buffer in model.named_buffers()
            if not torch.equal(buffer.cpu(), self._buffers[name])
        }
        weights = checkpoint["state_dict"]
        checkpoint["state_dict"] = {n: t for n, t in weights.items() if n in kept}
        if "ema_state_dict" in checkpoint:
            checkpoint["ema_state_dict"] = {
                name: tensor
                for name, tensor in checkpoint["ema_state_dict"].items()
                if not name.startswith(EMA_PREFIX) or name[len(EMA_PREFIX) :] in kept
            }

    def after_train(self, runner: Runner) -> None:
        """Remove the checkpoint before the last one: the run is complete."""
        super().after_train(runner)
        if is_main_process():
            (Path(self.out_dir) / PREVIOUS).unlink(missing_ok=True)

    def _save_checkpoint_with_step(self, runner: Runner, step: int, meta: dict[str, Any]) -> None:
        self.last_ckpt = str(Path(self.out_dir) / LAST)
        runner.message_hub.update_info("last_ckpt", self.last_ckpt)
        runner.save_checkpoint(self.out_dir, LAST, meta=meta, by_epoch=self.by_epoch)

    def _save_best_checkpoint(self, runner: Runner, metrics: dict[str, Any]) -> None:
        key = self.key_indicators[0]
        # No detection at all leaves the metric out; that is a score of zero, not of "unknown".
        score = float(metrics.get(key, 0.0))
        hub = runner.message_hub
        best = hub.get_info("best_score") if "best_score" in hub.runtime_info else None
        if best is not None and score <= best:
            return
        hub.update_info("best_score", score)
        hub.update_info("best_ckpt", str(Path(self.out_dir) / BEST))
        runner.save_checkpoint(
            self.out_dir,
            BEST,
            save_optimizer=False,
            save_param_scheduler=False,
            meta={"epoch": runner.epoch, "iter": runner.iter, key: score},
            by_epoch=False,
        )
        if is_main_process():
            runner.logger.info(f"best {key} so far: {score:.4f}, in {BEST}")
