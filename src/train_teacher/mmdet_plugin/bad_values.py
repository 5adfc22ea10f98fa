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
        if bad := not_finite(outputs or {}):
            raise UserError(_message(runner.iter + 1, bad, pictures(data_batch)))


def not_finite(losses: Mapping[str, Any]) -> list[str]:
    """Return `name = value` of each loss that is no number; none as long as their sum is one.

    Args:
        losses: of a step, with their sum as `loss`.
    """
    if "loss" not in losses or math.isfinite(float(losses["loss"])):
        return []
    values = {name: float(value) for name, value in losses.items()}
    return [f"{name} = {value}" for name, value in values.items() if not math.isfinite(value)]


def _message(step: int, bad: Sequence[str], paths: Sequence[str]) -> str:
    causes = "\n".join(f"  - {cause}" for cause in CAUSES)
    return (
        f"the loss of step {step} is not a number: {', '.join(bad)}.\n"
        f"Pictures of the step: {', '.join(paths) or 'unknown'}.\n"
        "The step would have spoiled all weights, so the run stopped; the checkpoints are from "
        f"before it. Likely causes:\n{causes}\n"
        "Go on from the last checkpoint with --resume."
    )


def pictures(data_batch: Mapping[str, Any] | None) -> list[str]:
    """Return path and id of each picture of a batch.

    Args:
        data_batch: as the loader collates it.
    """
    samples = (data_batch or {}).get("data_samples") or []
    return [f"{s.metainfo.get('img_path')} (id {s.metainfo.get('img_id')})" for s in samples]
