"""Checks for NaN or infinite values that stop a run before a weight changes, with the cause."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mmengine.dist import all_gather_object
from mmengine.hooks import Hook
from mmengine.optim import OptimWrapper
from mmengine.registry import HOOKS
from mmengine.runner import Runner
from torch import Tensor

from train_teacher.core.errors import UserError
from train_teacher.failures.patterns import NOT_FINITE
from train_teacher.mmdet_plugin.accelerated.loss_log import LossLog
from train_teacher.mmdet_plugin.runner_access import unwrapped

CAUSES = (
    "a learning rate that is too high (try a third: --lr)",
    "16-bit numbers (try --precision fp32)",
    "boxes without size or far outside (inspect-data --fix)",
    "a damaged base checkpoint (teacher doctor)",
)
RAISED = (ArithmeticError, AssertionError, RuntimeError, ValueError)
"""Exceptions that upstream raises on NaN or infinite values."""
LAYER = re.compile(r"^(d\d+\.|enc_)")


class NonFiniteGradientError(ArithmeticError):
    """Error: the norm of all gradients is NaN or infinite."""

    def __init__(self, norm: float) -> None:
        """Keep the norm."""
        super().__init__(f"the norm of the gradients is {norm}")
        self.norm = norm


@dataclass(frozen=True)
class Evidence:
    """Report of one process on a step that failed."""

    images: tuple[str, ...]
    losses: Mapping[str, float]
    """By name; empty when there are none."""

    @property
    def bad(self) -> list[str]:
        """Return `name = value` of the NaN or infinite losses."""
        return not_finite(self.losses)

    def terms(self) -> str:
        """Return the total and the terms of the last layer."""
        shown = {name: value for name, value in self.losses.items() if not LAYER.match(name)}
        return ", ".join(f"{name} = {value:.4g}" for name, value in shown.items())


@HOOKS.register_module()
class NonFiniteLossHook(Hook):
    """Checks every loss; its value has been read for the log anyway.

    Most bad losses are met before, by their gradient: this sees those of a batch after which no
    optimizer step is due.
    """

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
            UserError: a loss is NaN or infinite.
        """
        if not outputs or not not_finite(outputs):
            return
        own = getattr(unwrapped(runner), "latest_losses", None) or outputs
        found = Evidence(tuple(images(data_batch)), _floats(own))
        # The mean over the processes: it is bad in all of them or in none.
        evidence = all_gather_object(found) if isinstance(outputs, LossLog) else [found]
        raise UserError(_message(runner.iter + 1, evidence))


def not_finite(losses: Mapping[str, Any]) -> list[str]:
    """Return `name = value` of each NaN or infinite loss; none as long as their sum is finite.

    Args:
        losses: of a step, with their sum as `loss`.
    """
    if "loss" not in losses or math.isfinite(float(losses["loss"])):
        return []
    values = _floats(losses)
    return [f"{name} = {value}" for name, value in values.items() if not math.isfinite(value)]


def refuse_bad_gradients(wrapper: OptimWrapper) -> None:
    """Let an optimizer refuse a step with NaN or infinite gradients, if it clips them."""
    scaler = getattr(wrapper, "loss_scaler", None)
    # In fp16 the scaler leaves such steps out, and tries smaller factors.
    if wrapper.clip_grad_kwargs and (scaler is None or not scaler.is_enabled()):
        wrapper.clip_func = refusing(wrapper.clip_func)


def refusing(clip: Callable[..., Any]) -> Callable[..., Any]:
    """Return a clipping function that refuses NaN or infinite gradients.

    The norm is that of the gradients which all processes share, so all of them refuse together.
    MMEngine reads it for the log (optimizer_wrapper.py: _clip_grad); here it is read once for both.

    Args:
        clip: `torch.nn.utils.clip_grad_norm_`, or one that returns nothing.

    Raises:
        NonFiniteGradientError: from the returned function, before the optimizer's step.
    """

    def clip_finite(parameters: Sequence[Tensor], **options: Any) -> float | None:
        norm = clip(parameters, **options)
        if norm is None:
            return None
        value = float(norm)
        if not math.isfinite(value):
            raise NonFiniteGradientError(value)
        return value

    return clip_finite


def explain(
    error: BaseException, step: int, batch: Mapping[str, Any], losses: Mapping[str, Any] | None
) -> str | None:
    """Return the message about an error in a step, None when no NaN or infinite value caused it.

    Args:
        error: raised between the batch and the optimizer's step.
        step: its number, from 1.
        batch: as the loader collates it.
        losses: of this step; of the one before when there are none.
    """
    found = Evidence(tuple(images(batch)), _floats(losses))
    if isinstance(error, NonFiniteGradientError):
        return _message(step, all_gather_object(found), error.norm)
    if re.search(NOT_FINITE, str(error), re.IGNORECASE):
        before = f" The losses of the step before: {found.terms()}." if found.losses else ""
        return _told(
            f"the model's predictions in step {step} are NaN or infinite, so there is no "
            f"loss ({error}).{before}",
            found.images,
        )
    return None


def _message(step: int, evidence: Sequence[Evidence], norm: float | None = None) -> str:
    guilty = [found for found in evidence if found.bad]
    if guilty:
        bad = ", ".join(dict.fromkeys(term for found in guilty for term in found.bad))
        what = f"the loss of step {step} is NaN or infinite: {bad}."
    else:
        terms = "; ".join(found.terms() for found in evidence)
        what = (
            f"the gradient of step {step} is not finite (its norm is {norm}), though the losses "
            f"are: {terms or 'unknown'}."
        )
    return _told(what, [path for found in guilty or evidence for path in found.images])


def _told(what: str, paths: Sequence[str]) -> str:
    causes = "\n".join(f"  - {cause}" for cause in CAUSES)
    return (
        f"{what}\n"
        f"Images of the step: {', '.join(paths) or 'unknown'}.\n"
        "The step would have ruined all weights, so the run stopped; the checkpoints are from "
        f"before it. Likely causes:\n{causes}\n"
        "Resume from the last checkpoint with --resume."
    )


def images(data_batch: Mapping[str, Any] | None) -> list[str]:
    """Return path and id of each image of a batch, as the loader collates it."""
    samples = (data_batch or {}).get("data_samples") or []
    return [f"{s.metainfo.get('img_path')} (id {s.metainfo.get('img_id')})" for s in samples]


def _floats(losses: Mapping[str, Any] | None) -> dict[str, float]:
    return {name: float(value) for name, value in (losses or {}).items()}
