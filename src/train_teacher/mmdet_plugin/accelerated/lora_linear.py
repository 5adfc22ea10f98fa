"""PEFT's adapted linear layer with no more passes over large tensors than the plain layer.

PEFT computes `base(x) + B(A(x)) * scaling`: one product, one multiplication and one sum of the
size of the output more than the layer without adapter, and one more sum of the size of the input
in the backward pass. Here the scaling meets the narrow product of rank columns, and both wide ones
are added by the matrix multiplication that makes them.
"""

from __future__ import annotations

from typing import Any

import torch
from peft.tuners.lora.layer import Linear
from torch import Tensor, nn


class TeacherLoraLinear(Linear):
    """PEFT's layer, which becomes one by its `__class__`; everything but the forward is PEFT's."""

    def forward(self, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        """Return (..., out) of (..., in); anything but plain LoRA takes PEFT's own path."""
        adapter = self._plain_adapter()
        narrow = autocast_dtype(x.device.type)
        if adapter is None or args or kwargs or (narrow is None and x.dtype != self.weight.dtype):
            return super().forward(x, *args, **kwargs)
        down, up = self.lora_A[adapter].weight, self.lora_B[adapter].weight
        tensors = [x.flatten(0, -2), self.weight, self.bias, down, up]
        if narrow is not None:
            tensors = [tensor if tensor is None else tensor.to(narrow) for tensor in tensors]
        with torch.autocast(x.device.type, enabled=False):
            output: Tensor = _AdaptedProduct.apply(*tensors, self.scaling[adapter])  # type: ignore[no-untyped-call]
        return output.view(*x.shape[:-1], -1)

    def _plain_adapter(self) -> str | None:
        """Return the adapter in use if it is the only one, whole and without dropout or DoRA."""
        if self.disable_adapters or self.merged or len(self.active_adapters) != 1:
            return None
        adapter: str = self.active_adapters[0]
        plain = (
            adapter in self.lora_A
            and adapter not in self.lora_variant
            and isinstance(self.lora_dropout[adapter], nn.Identity)
            and type(self.get_base_layer()) is nn.Linear
            and self.lora_A[adapter].weight.dtype == self.weight.dtype
            and self.lora_B[adapter].bias is None
        )
        return adapter if plain else None


def autocast_dtype(device_type: str) -> torch.dtype | None:
    """Return what autocast computes in on a kind of device, None where it is off."""
    enabled = torch.is_autocast_enabled(device_type)
    return torch.get_autocast_dtype(device_type) if enabled else None


def add_adapters_within_products(model: nn.Module) -> None:
    """Let every adapted linear layer of a model compute with fewer passes; names stay."""
    for module in model.modules():
        if type(module) is Linear:
            module.__class__ = TeacherLoraLinear


class _AdaptedProduct(torch.autograd.Function):
    """(points, in) to (points, out): x W' + b + scaling (x A') B'."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        down: Tensor,
        up: Tensor,
        scaling: float,
    ) -> Tensor:
        """Compute; `down` is (rank, in), `up` is (out, rank)."""
        narrow = x @ down.t()
        narrow.mul_(scaling)
        output = x @ weight.t() if bias is None else torch.addmm(bias, x, weight.t())
        ctx.save_for_backward(x, weight, down, up, narrow)
        ctx.scaling = scaling
        return output.addmm_(narrow, up.t())

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of what needs one."""
        x, weight, down, up, narrow = ctx.saved_tensors
        wanted = ctx.needs_input_grad
        back = (gradient @ up).mul_(ctx.scaling)
        return (
            (gradient @ weight).addmm_(back, down) if wanted[0] else None,
            gradient.t() @ x if wanted[1] else None,
            gradient.sum(0) if wanted[2] else None,
            back.t() @ x if wanted[3] else None,
            gradient.t() @ narrow if wanted[4] else None,
            None,
        )
