"""Hooks that report on a run: freeze table and proof, base evaluation, progress."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import torch
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import Runner
from torch import nn

from train_teacher.console import progress
from train_teacher.core.errors import UserError
from train_teacher.core.freeze_table import FILE_NAME, FreezeTable, ModelPart, write_freeze_table
from train_teacher.mmdet_plugin.lora.adapters import describe_lora
from train_teacher.mmdet_plugin.reporting.freeze_proof import TrainingProof
from train_teacher.mmdet_plugin.runner_access import joined_after, say, unwrapped
from train_teacher.scores.metric_names import METRIC, METRIC_50

FOLDER = "data"


def freeze_table(model: nn.Module, joined: int | None = None) -> FreezeTable:
    """Return how many parameters of each part of a model are trained: require a gradient.

    Args:
        joined: the epoch after which its `joining_modules` did, None as long as they wait.
    """
    note = "joins later" if joined is None else f"since epoch {joined + 1}"
    notes = dict.fromkeys(getattr(model, "joining_modules", ()), note)
    parts: dict[str, list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        parts.setdefault(name.split(".")[0], []).append(parameter)
    return FreezeTable(
        tuple(
            ModelPart(
                name,
                sum(p.numel() for p in parameters),
                sum(p.numel() for p in parameters if p.requires_grad),
                notes.get(name, ""),
            )
            for name, parameters in parts.items()
        )
    )


@HOOKS.register_module()
class FreezeProofHook(Hook):
    """Prints the frozen parts, and proves what training changed and what it did not."""

    priority = "VERY_HIGH"

    def before_train(self, runner: Runner) -> None:
        """Print and write the table, and take the digests.

        Raises:
            UserError: nothing is left to train, or a frozen tensor is in the optimizer.
        """
        model = unwrapped(runner)
        self._joined = joined_after(runner)
        self._table = freeze_table(model, self._joined)
        say(runner, str(self._table))
        _write(runner, self._table)
        if adapters := describe_lora(model):
            say(runner, adapters)
        self._proof = TrainingProof(model)
        optimized = {id(p) for group in runner.optim_wrapper.param_groups for p in group["params"]}
        wrong = optimized - {id(p) for p in getattr(model, "waiting_parameters", ())}
        caught = [
            n for n, p in model.named_parameters() if n in self._proof.frozen and id(p) in wrong
        ]
        if caught:
            raise UserError(
                f"{len(caught)} frozen tensors are in the optimizer, such as {caught[0]}"
            )
        if not optimized:
            raise UserError("every part of the model is frozen: nothing would be trained")

    def before_train_epoch(self, runner: Runner) -> None:
        """Take in that parts have joined the training.

        Raises:
            UserError: one of their tensors changed before.
        """
        joined = joined_after(runner)
        if joined == self._joined:
            return
        self._joined = joined
        model = unwrapped(runner)
        self._proof.take_in_joined(model)
        self._table = freeze_table(model, joined)
        _write(runner, self._table)

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Mapping[str, Any] | None = None,
    ) -> None:
        """Check the gradients of the first steps.

        Raises:
            UserError: a part of the adapter gets none.
        """
        self._proof.after_step(partial(say, runner))

    def after_train(self, runner: Runner) -> None:
        """Compare the digests.

        Raises:
            UserError: a frozen tensor changed, or one of the adapter did not.
        """
        model: Any = unwrapped(runner)
        proof = self._proof.conclude(model)
        if self._joined is not None:
            proof += (
                f"; {len(model.joining_parameters)} of these were frozen, and bit-identical, until "
                f"after epoch {self._joined}"
            )
        say(runner, f"proof: {proof}")
        _write(runner, msgspec.structs.replace(self._table, proof=proof))


def _write(runner: Runner, table: FreezeTable) -> None:
    if is_main_process():
        write_freeze_table(Path(runner.work_dir) / FOLDER / FILE_NAME, table)


@HOOKS.register_module()
class BaseEvaluationHook(Hook):
    """Validates the base weights before the first step, so that the gain is known."""

    # After ProgressHook and CheckpointHook: their before_train must have run.
    priority = "LOWEST"

    def __init__(self, enabled: bool = True) -> None:
        """Create the hook; disabled it does nothing."""
        self.enabled = enabled

    def before_train(self, runner: Runner) -> None:
        """Run one validation of the untouched model."""
        if self.enabled and unwrapped(runner).has_base and runner.iter == 0:
            runner.val_loop.run()


@HOOKS.register_module()
class ProgressHook(Hook):
    """Shows epoch, step, loss, learning rate, remaining time and memory on stderr."""

    priority = "LOW"

    def before_train(self, runner: Runner) -> None:
        """Start the clock."""
        self._started = time.monotonic()
        self._shown_at = float("-inf")
        self._done_before = runner.iter

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Mapping[str, Any] | None = None,
    ) -> None:
        """Show the step; not every one, because reading its loss is a host-device sync."""
        step = runner.iter + 1
        if not self._due(last=step == runner.max_iters):
            return
        elapsed = time.monotonic() - self._started
        remaining = elapsed / (step - self._done_before) * (runner.max_iters - step)
        parts = [
            f"epoch {runner.epoch + 1}/{runner.max_epochs}",
            f"step {step}/{runner.max_iters}",
            f"loss {float(outputs['loss']) if outputs else float('nan'):.3f}",
            f"lr {runner.optim_wrapper.get_lr()['lr'][0]:.2g}",
            f"{progress.clock(remaining)} left",
        ]
        progress.show(step / runner.max_iters, "  ".join([*parts, _gpu_memory()]).rstrip())

    def _due(self, last: bool = False) -> bool:
        now = time.monotonic()
        due = is_main_process() and (last or now - self._shown_at >= progress.interval())
        self._shown_at = now if due else self._shown_at
        return due

    def before_val(self, runner: Runner) -> None:
        """Announce the validation, which can take long."""
        self._val_started = time.monotonic()

    def after_val_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Sequence[Any] | None = None,
    ) -> None:
        """Show how far the validation is."""
        if self._due():
            done, total = batch_idx + 1, len(runner.val_dataloader)
            progress.show(done / total, f"validating  {done}/{total}")

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Print the validation result as a line that stays."""
        metrics = metrics or {}
        score = metrics.get(METRIC, 0.0)
        half = metrics.get(METRIC_50, 0.0)
        when = f"epoch {runner.epoch}" if runner.iter else "base weights"
        seconds = time.monotonic() - self._val_started
        if is_main_process():
            print(  # noqa: T201 - this is the terminal output
                f"validation, {when}: bbox mAP {score:.3f}, mAP50 {half:.3f} ({seconds:.0f} s)",
                file=sys.stderr,
                flush=True,
            )
        self._started += seconds

    def after_train(self, runner: Runner) -> None:
        """Close the bar."""
        progress.close()


def _gpu_memory() -> str:
    if not torch.cuda.is_available():
        return ""
    return f"{torch.cuda.max_memory_allocated() / 2**30:.1f} GiB"
