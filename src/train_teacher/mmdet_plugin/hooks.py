"""What a run says of itself while it runs: freeze table and proof, base evaluation, progress."""

from __future__ import annotations

import hashlib
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.registry import HOOKS
from mmengine.runner import Runner
from torch import nn

from train_teacher.domain.errors import UserError
from train_teacher.mmdet_plugin.lora import GradientWatch, has_adapter
from train_teacher.mmdet_plugin.progress import ProgressDisplay

METRIC = "coco/bbox_mAP"
LEARNING_CHECKS = (2, 5, 20, 50)
"""Steps after which an adapter's gradients are looked at."""


def say(runner: Runner, text: str) -> None:
    """Write a message to the log and, from the first process, to the terminal."""
    runner.logger.info(text)
    if is_main_process():
        print(text, file=sys.stderr, flush=True)  # noqa: T201 - this is the terminal output


def unwrapped(runner: Runner) -> nn.Module:
    """Return the detector itself, without the wrapper of distributed training."""
    model: nn.Module = runner.model.module if is_model_wrapper(runner.model) else runner.model
    return model


def tensor_hashes(model: nn.Module, *, trainable: bool) -> dict[str, str]:
    """Return a digest of every parameter that does, or does not, require a gradient.

    Args:
        model: any module.
        trainable: which of them.

    Returns:
        Hex digests by parameter name.
    """
    return {
        name: hashlib.blake2b(
            parameter.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes(),
            digest_size=16,
        ).hexdigest()
        for name, parameter in model.named_parameters()
        if parameter.requires_grad is trainable
    }


def freeze_table(model: nn.Module) -> str:
    """Return the table part, parameters, trainable or frozen, one line per part."""
    parts: dict[str, list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        parts.setdefault(name.split(".")[0], []).append(parameter)
    rows = []
    for name, parameters in parts.items():
        total = sum(p.numel() for p in parameters)
        trainable = sum(p.numel() for p in parameters if p.requires_grad)
        state = {0: "frozen", total: "trainable"}.get(trainable, f"{trainable:,} trainable")
        rows.append((name, f"{total:,}", state))
    everything = sum(p.numel() for p in model.parameters())
    learning = sum(p.numel() for p in model.parameters() if p.requires_grad)
    rows.append(("total", f"{everything:,}", f"{learning:,} trainable"))
    return "\n".join(
        [
            f"{'part':<20} {'parameters':>13}  state",
            *(f"{name:<20} {count:>13}  {state}" for name, count, state in rows),
        ]
    )


@HOOKS.register_module()
class FreezeProofHook(Hook):
    """Prints what is frozen, and proves that it did not change and that an adapter learned."""

    priority = "VERY_HIGH"

    def before_train(self, runner: Runner) -> None:
        """Print the table and take the digests.

        Raises:
            UserError: nothing is left to train, or a frozen tensor is in the optimizer.
        """
        model = unwrapped(runner)
        say(runner, freeze_table(model))
        self._before = tensor_hashes(model, trainable=False)
        self._start = tensor_hashes(model, trainable=True) if has_adapter(model) else {}
        self._watch = GradientWatch(model) if has_adapter(model) else None
        self._first = runner.iter
        optimized = {id(p) for group in runner.optim_wrapper.param_groups for p in group["params"]}
        caught = [
            n for n, p in model.named_parameters() if n in self._before and id(p) in optimized
        ]
        if caught:
            raise UserError(
                f"{len(caught)} frozen tensors are in the optimizer, such as {caught[0]}"
            )
        if not optimized:
            raise UserError("every part of the model is frozen: nothing would be trained")

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Mapping[str, Any] | None = None,
    ) -> None:
        """Look whether every matrix and module of an adapter has had a gradient by now.

        Raises:
            UserError: one has had none in all the steps that any of them needs.
        """
        done = runner.iter + 1 - self._first
        if self._watch is None or done not in LEARNING_CHECKS:
            return
        waiting = self._watch.judge()
        if not waiting:
            self._watch = None
            say(runner, f"proof: all {len(self._start)} trained tensors get gradients")
        elif done == LEARNING_CHECKS[-1]:
            raise UserError(
                f"{len(waiting)} of {len(self._start)} tensors of the adapter had no gradient in "
                f"{done} steps, such as {min(waiting)}: they would never learn. Leave their "
                "modules out of lora_targets."
            )

    def after_train(self, runner: Runner) -> None:
        """Compare the digests.

        Raises:
            UserError: a frozen tensor changed, or a part of the adapter did not.
        """
        model = unwrapped(runner)
        after = tensor_hashes(model, trainable=False)
        changed = [name for name, digest in self._before.items() if after.get(name) != digest]
        if changed:
            raise UserError(
                f"{len(changed)} tensors that should be frozen changed, such as {changed[0]}: "
                "the weights of this run are not what its settings say."
            )
        learned = tensor_hashes(model, trainable=True) if self._start else {}
        asleep = [name for name, digest in self._start.items() if learned[name] == digest]
        # The first matrix of each pair needs a second step, and EMA swaps tensors in and out.
        if asleep and runner.iter - self._first >= LEARNING_CHECKS[0]:
            raise UserError(
                f"{len(asleep)} tensors of the adapter did not change in training, such as "
                f"{asleep[0]}: this adapter is not what its settings say."
            )
        moved = f", all {len(learned)} trained tensors moved" if learned else ""
        if self._before:
            say(
                runner,
                f"proof: all {len(after)} frozen tensors are bit-identical after training{moved}",
            )


@HOOKS.register_module()
class BaseEvaluationHook(Hook):
    """Validates the base weights before the first step, so that a run can say what it gained."""

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
        """Start the display."""
        self._display = ProgressDisplay(runner.max_iters, runner.max_epochs)
        self._started = time.monotonic()
        self._done_before = runner.iter

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Mapping[str, Any] | None = None,
    ) -> None:
        """Advance by one step."""
        if not self._display.due(runner.iter + 1):
            return
        done = runner.iter + 1 - self._done_before
        elapsed = time.monotonic() - self._started
        self._display.step(
            epoch=runner.epoch + 1,
            step=runner.iter + 1,
            loss=float(outputs["loss"]) if outputs else float("nan"),
            lr=runner.optim_wrapper.get_lr()["lr"][0],
            remaining=elapsed / done * (runner.max_iters - runner.iter - 1),
            memory=_gpu_memory(),
        )

    def before_val(self, runner: Runner) -> None:
        """Say that validation begins: it can take long."""
        self._val_started = time.monotonic()

    def after_val_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Sequence[Any] | None = None,
    ) -> None:
        """Show how far the validation is."""
        self._display.validation(batch_idx + 1, len(runner.val_dataloader))

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Print the validation result as a line that stays."""
        metrics = metrics or {}
        score = metrics.get(METRIC, 0.0)
        half = metrics.get(f"{METRIC}_50", 0.0)
        when = f"epoch {runner.epoch}" if runner.iter else "base weights"
        seconds = time.monotonic() - self._val_started
        self._display.line(
            f"validation, {when}: bbox mAP {score:.3f}, mAP50 {half:.3f} ({seconds:.0f} s)"
        )
        self._started += seconds

    def after_train(self, runner: Runner) -> None:
        """Stop the display."""
        self._display.close()


def _gpu_memory() -> str:
    if not torch.cuda.is_available():
        return ""
    return f"{torch.cuda.max_memory_allocated() / 2**30:.1f} GiB"
