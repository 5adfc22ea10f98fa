"""A loss that is no number stops the run before a checkpoint is written, and says where from."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import Runner

from train_teacher.domain.errors import UserError

CAUSES = (
    "a learning rate that is too high (try a third: --lr)",
    "16-bit numbers (try --precision fp32)",
    "boxes without size or far outside (inspect-data --fix)",
    "a damaged base checkpoint (teacher doctor)",
)


@HOOKS.register_module()
class NonFiniteLossHook(Hook):
    """Looks at every loss one step late on a GPU, so that nothing waits for the answer."""

    priority = "VERY_HIGH"

    def before_train(self, runner: Runner) -> None:
        """Forget what another run left."""
        self._waiting: tuple[int, torch.Tensor, dict[str, torch.Tensor], list[str]] | None = None

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Mapping[str, Any] | None = None,
        outputs: Mapping[str, Any] | None = None,
    ) -> None:
        """Judge the step before this one, or this one on a CPU.

        Raises:
            UserError: a loss is infinite or not a number.
        """
        losses = {k: v for k, v in (outputs or {}).items() if isinstance(v, torch.Tensor)}
        if "loss" not in losses:
            return
        self._judge()
        finite = torch.isfinite(losses["loss"].detach()).to("cpu", non_blocking=True)
        self._waiting = (runner.iter + 1, finite, losses, _pictures(data_batch))
        if losses["loss"].device.type == "cpu":
            self._judge()

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Let no weights be saved that the last step spoiled.

        Raises:
            UserError: its loss is infinite or not a number.
        """
        self._judge(wait=True)

    def after_train_epoch(self, runner: Runner) -> None:
        """Judge the last step of the epoch.

        Raises:
            UserError: its loss is infinite or not a number.
        """
        self._judge(wait=True)

    def _judge(self, *, wait: bool = False) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is None:
            return
        step, finite, losses, pictures = waiting
        if wait and losses["loss"].is_cuda:
            torch.cuda.synchronize()
        if bool(finite):
            return
        raise UserError(_message(step, losses, pictures))


def _message(step: int, losses: Mapping[str, torch.Tensor], pictures: Sequence[str]) -> str:
    values = {name: float(value.detach().float().mean()) for name, value in losses.items()}
    bad = [f"{n} = {v}" for n, v in values.items() if not math.isfinite(v)]
    causes = "\n".join(f"  - {cause}" for cause in CAUSES)
    return (
        f"the loss of step {step} is not a number: {', '.join(bad)}.\n"
        f"Pictures of the step: {', '.join(pictures) or 'unknown'}.\n"
        "The step would have spoiled all weights, so the run stopped; the checkpoints are from "
        f"before it. Likely causes:\n{causes}\n"
        "Go on from the last checkpoint with --resume."
    )


def _pictures(data_batch: Mapping[str, Any] | None) -> list[str]:
    samples = (data_batch or {}).get("data_samples") or []
    return [f"{s.metainfo.get('img_path')} (id {s.metainfo.get('img_id')})" for s in samples]
