"""Gradients of an unfinished optimizer step at the time of a checkpoint.

An epoch need not end with an optimizer step when several batches make one; MMEngine then loses
what was accumulated (optimizer_wrapper.py:299 warns of it).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmengine.dist import all_reduce
from torch import Tensor, nn

KEY = "gradients"


def pending_gradients(model: nn.Module, optim_wrapper: Any) -> dict[str, Tensor]:
    """Return the gradients accumulated since the last optimizer step, on the CPU.

    Of several processes each holds its own; they are averaged here as DDP would at the end of the
    step. All of them have to call this.

    Returns:
        Gradients by parameter name; empty between two steps.
    """
    if optim_wrapper.should_update():
        return {}
    found = {}
    for name, parameter in model.named_parameters():
        if parameter.grad is not None:
            gradient = parameter.grad.detach().clone()
            all_reduce(gradient, "mean")
            found[name] = gradient.cpu()
    return found


def put_back(model: nn.Module, gradients: Mapping[str, Tensor]) -> None:
    """Continue an unfinished step, with the result of `pending_gradients`."""
    for name, gradient in gradients.items():
        parameter = model.get_parameter(name)
        parameter.grad = gradient.to(parameter.device, copy=True)
