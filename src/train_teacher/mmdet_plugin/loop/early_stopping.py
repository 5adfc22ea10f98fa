"""Early stopping whose count a stopped run goes on with."""

from __future__ import annotations

from typing import Any

from mmengine.hooks import EarlyStoppingHook
from mmengine.registry import HOOKS
from mmengine.runner import Runner

KEY = "early_stopping"


@HOOKS.register_module()
class TeacherEarlyStoppingHook(EarlyStoppingHook):
    """MMEngine's EarlyStoppingHook with its count in the message hub, and so in checkpoints.

    MMEngine's holds it in the object: a resumed run would wait for all of the patience again.
    """

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Count on, and decide whether to stop."""
        hub = runner.message_hub
        before: dict[str, Any] = hub.get_info(KEY) if KEY in hub.runtime_info else {}
        if before:
            self.best_score = before["best"]
            # Whoever asks for more epochs of a run that stopped early wants to see them.
            longer = before["epochs"] < runner.max_epochs
            self.wait_count = 0 if longer else before["wait"]
        super().after_val_epoch(runner, metrics or {})
        now = {"best": self.best_score, "wait": self.wait_count, "epochs": runner.max_epochs}
        hub.update_info(KEY, now)
