"""Changes between two epochs: a rate that falls at a plateau, parts that join the training."""

from __future__ import annotations

import gc
from typing import Any, Literal

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.registry import HOOKS
from mmengine.runner import Runner

from train_teacher.mmdet_plugin.runner_access import JOINED, joined_after, say, unwrapped


@HOOKS.register_module()
class StagesHook(Hook):
    """Says when a plateau lowers the rate, and lets the parts that wait join the training.

    Args:
        unfreeze_at: `plateau`, for the first fall of the rate; or the epoch after which they join.
    """

    # Listed before FreezeProofHook of the same priority, which looks at what is trained now.
    priority = "VERY_HIGH"

    def __init__(self, unfreeze_at: int | Literal["plateau"] | None = None) -> None:
        """Create the hook; with None no part waits."""
        self._at = unfreeze_at
        self._rate: float | None = None

    def before_train(self, runner: Runner) -> None:
        """Put a resumed run into the stage in which it was stopped."""
        if joined_after(runner) is not None:
            let_join(runner)

    def before_val_epoch(self, runner: Runner) -> None:
        """Remember the rate: only a plateau changes it between a validation and a new epoch."""
        self._rate = _rate(runner)

    def before_train_epoch(self, runner: Runner) -> None:
        """Say what has changed since the validation, and change what is due."""
        before, now = self._rate, _rate(runner)
        fell = before is not None and now < before
        self._rate = None
        if fell:
            what = f"the learning rate falls from {before:.3g} to {now:.3g}"
            say(runner, f"after epoch {runner.epoch}: mAP has stopped rising, {what}")
        due = fell if self._at == "plateau" else runner.epoch == self._at
        if due and joined_after(runner) is None:
            runner.message_hub.update_info(JOINED, runner.epoch)
            detector = let_join(runner)
            names = " and ".join(detector.joining_modules)
            numbers = sum(p.numel() for p in detector.joining_parameters)
            what = f"what is trained now includes {names}"
            say(runner, f"after epoch {runner.epoch}: {what} ({numbers:,} parameters)")


def let_join(runner: Any) -> Any:
    """Train the parts that waited, from the next step on, in this process and all others.

    Returns:
        The detector.
    """
    detector: Any = unwrapped(runner)
    detector.join()
    if is_model_wrapper(runner.model):
        # It exchanges the gradients of the parameters that required one when it was made; its
        # hooks and buckets live as long as it does.
        runner.model = detector
        runner.train_loop.step.use(detector)
        gc.collect()
        runner.model = runner.wrap_model(runner.cfg.get("model_wrapper_cfg"), detector)
        runner.train_loop.step.use(runner.model)
    return detector


def _rate(runner: Runner) -> float:
    return max(float(group["lr"]) for group in runner.optim_wrapper.optimizer.param_groups)
