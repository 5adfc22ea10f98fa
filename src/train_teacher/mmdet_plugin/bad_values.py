"""A loss that is no number stops the run before a checkpoint is written, and says where from."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

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
    """Looks at every loss; its value has been read for the log anyway."""

    priority = "VERY_HIGH"

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Mapping[str, Any] | None = None,
        outputs: Mapping[str, Any] | None = None,
    ) -> None:
        """Judge the step.

        Raises:
            UserError: a loss is infinite or not a number.
        """
        losses = outputs or {}
        if "loss" in losses and not math.isfinite(float(losses["loss"])):
            values = {name: float(value) for name, value in losses.items()}
            raise UserError(_message(runner.iter + 1, values, _pictures(data_batch)))


def _message(step: int, values: Mapping[str, float], pictures: Sequence[str]) -> str:
    bad = [f"{name} = {value}" for name, value in values.items() if not math.isfinite(value)]
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
