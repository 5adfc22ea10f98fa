"""MMEngine's epoch loop, resumable in the middle of an epoch, with any missed validation."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from mmengine.dist import is_main_process
from mmengine.registry import LOOPS
from mmengine.runner import EpochBasedTrainLoop

from train_teacher.core.errors import UserError
from train_teacher.mmdet_plugin.accelerated.loss_log import averaged
from train_teacher.mmdet_plugin.loop.not_finite import RAISED, explain, refuse_bad_gradients
from train_teacher.mmdet_plugin.loop.smaller_parts import AdaptiveStep
from train_teacher.mmdet_plugin.reporting.metrics_file import FILE_NAME, forget_after
from train_teacher.mmdet_plugin.runner_access import say, unwrapped
from train_teacher.mmdet_plugin.samples.repeatable import ResumableBatchSampler

VALIDATED = "validated_epoch"
IMAGES_AT_ONCE = "images_at_once"


@LOOPS.register_module()
class TeacherTrainLoop(EpochBasedTrainLoop):
    """EpochBasedTrainLoop that resumes from a step, not an epoch."""

    step: AdaptiveStep

    def run(self) -> torch.nn.Module:
        """Train to the end; after a stop, first validate the epoch that was not validated."""
        runner = self.runner
        refuse_bad_gradients(runner.optim_wrapper)
        self.step = AdaptiveStep(runner.model, runner.optim_wrapper, partial(say, runner))
        self._spare_memory_as_before()
        validated = self._validated_epoch()
        if self._iter and is_main_process():
            forget_after(Path(self.runner.work_dir) / FILE_NAME, self._iter, validated)
        self.runner.call_hook("before_train")
        if self._iter == self._epoch * len(self.dataloader) and self._epoch > validated:
            self._validate()
        while self._epoch < self._max_epochs and not self.stop_training:
            self.run_epoch()
            self._decide_current_val_interval()
            self._validate()
        self.runner.call_hook("after_train")
        model: torch.nn.Module = self.runner.model
        return model

    def _validate(self) -> None:
        due = self._epoch % self.val_interval == 0 or self._epoch == self._max_epochs
        if self.runner.val_loop is not None and self._epoch >= self.val_begin and due:
            self.runner.val_loop.run()
            self.runner.message_hub.update_info(VALIDATED, self._epoch)

    def _validated_epoch(self) -> int:
        hub = self.runner.message_hub
        return int(hub.get_info(VALIDATED)) if VALIDATED in hub.runtime_info else 0

    def _spare_memory_as_before(self) -> None:
        hub = self.runner.message_hub
        images = hub.get_info(IMAGES_AT_ONCE) if IMAGES_AT_ONCE in hub.runtime_info else None
        if images is not None:
            self.step.images = int(images)
            say(
                self.runner,
                f"the memory was full before: going on with {images} images at once",
            )

    def run_epoch(self) -> None:
        """Run one epoch, or the rest of it."""
        done = self._iter - self._epoch * len(self.dataloader)
        if done > 0 and isinstance(self.dataloader.batch_sampler, ResumableBatchSampler):
            self.dataloader.batch_sampler.skip = done
        else:
            done = 0
        self.runner.call_hook("before_train_epoch")
        self.runner.model.train()
        for index, batch in enumerate(self.dataloader, start=done):
            self.run_iter(index, batch)
        self.runner.call_hook("after_train_epoch")
        self._epoch += 1

    def run_iter(self, idx: int, data_batch: Mapping[str, Any]) -> None:
        """Train on one batch, in parts if the memory does not hold it."""
        self.runner.call_hook("before_train_iter", batch_idx=idx, data_batch=data_batch)
        outputs = self._finite_step(data_batch)
        self.runner.call_hook(
            "after_train_iter", batch_idx=idx, data_batch=data_batch, outputs=outputs
        )
        self._iter += 1

    def _finite_step(self, batch: Mapping[str, Any]) -> Mapping[str, Any]:
        hub = self.runner.message_hub
        try:
            outputs = averaged(self.step(batch))
            if self.step.images is not None:
                hub.update_info(IMAGES_AT_ONCE, self.step.images)
            return outputs
        except RAISED as error:
            losses = getattr(unwrapped(self.runner), "latest_losses", None)
            told = explain(error, self._iter + 1, batch, losses)
            if told is None:
                raise
            raise UserError(told) from error
