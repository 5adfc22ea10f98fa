"""SIGINT and SIGTERM: finish the step, save, stop; a second one stops at once."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import Runner

from train_teacher.mmdet_plugin.checkpoints.hook import FOLDER, LAST
from train_teacher.mmdet_plugin.loop.stop_together import Agreement
from train_teacher.mmdet_plugin.runner_access import say

SIGNALS = (signal.SIGINT, signal.SIGTERM)
SAME_WITHIN = 1.0
"""Seconds in which a signal counts as the one before it. Ctrl-C reaches every process, and the
launcher then sends its own SIGTERM; when a launcher is killed, Linux sends the death signal once
for each of its threads that takes the orphans over before it dies too (kernel/exit.c,
forget_original_parent)."""


@HOOKS.register_module()
class StopOnSignalHook(Hook):
    """Saves `last.pth` in the middle of an epoch when the run is asked to stop."""

    priority = "LOWEST"

    def before_run(self, runner: Runner) -> None:
        """Handle the signals, where Python lets this thread do so."""
        self._told, self._told_at = False, 0.0
        self._process = os.getpid()
        self._agreed = Agreement()
        self._before: dict[int, Any] = {}
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._take) for number in SIGNALS}

    def _take(self, number: int, frame: FrameType | None) -> None:
        if os.getpid() != self._process:
            return  # a data loading process that is just being started
        now = time.monotonic()
        if self._told:
            if now - self._told_at < SAME_WITHIN:
                return
            self._give_back()
            raise KeyboardInterrupt
        self._told, self._told_at = True, now
        if is_main_process():
            print(  # noqa: T201 - said at once, wherever the run is
                f"\n{signal.Signals(number).name}: stopping after this step and saving "
                "the state (repeat to stop at once without saving)",
                file=sys.stderr,
                flush=True,
            )

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Mapping[str, Any] | None = None,
    ) -> None:
        """Save and stop.

        Raises:
            KeyboardInterrupt: asked to stop; the state is in last.pth.
        """
        # Of several batches the last makes the optimizer's step.
        if not runner.optim_wrapper.should_update() or not self._agreed(self._told):
            return
        runner.save_checkpoint(
            str(Path(runner.work_dir) / FOLDER),
            LAST,
            meta={"epoch": runner.epoch, "iter": runner.iter + 1},
            by_epoch=False,
        )
        say(runner, f"saved after step {runner.iter + 1}: {Path(runner.work_dir) / FOLDER / LAST}")
        self._give_back()
        raise KeyboardInterrupt

    def after_val_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Sequence[Any] | None = None,
    ) -> None:
        """Stop; last.pth holds the state before the validation, which --resume repeats.

        Raises:
            KeyboardInterrupt: asked to stop.
        """
        if self._agreed(self._told):
            self._give_back()
            raise KeyboardInterrupt

    def before_val_epoch(self, runner: Runner) -> None:
        """Ask after its first batch, which may take longer than a training step."""
        self._agreed.ask_next()

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Ask after the next training step: computing the score may have taken long."""
        self._agreed.ask_next()

    def after_run(self, runner: Runner) -> None:
        """Restore the signal handlers."""
        self._give_back()

    def _give_back(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}
