"""An exchanged module against the one whose place it takes: results, gradients, memory kept."""

from __future__ import annotations

import copy
import importlib
from typing import Any

import torch
from torch import Tensor

importlib.import_module("train_teacher.mmdet_plugin")


class SavedBytes:
    """Counts the bytes that autograd keeps for the backward pass, each storage once."""

    def __enter__(self) -> SavedBytes:
        self._storages: dict[int, int] = {}
        self._hooks = torch.autograd.graph.saved_tensors_hooks(self._pack, lambda kept: kept)
        self._hooks.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._hooks.__exit__(*error)
        self.total = sum(self._storages.values())

    def _pack(self, tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        self._storages[storage.data_ptr()] = storage.nbytes()
        return tensor


def compare(stock: torch.nn.Module, ours_class: type, inputs: dict[str, Any]) -> tuple[int, int]:
    """Check outputs and gradients of both and return the bytes that each keeps."""
    torch.manual_seed(0)
    for parameter in stock.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    ours = copy.deepcopy(stock)
    ours.__class__ = ours_class
    results, kept = [], []
    for module in (ours, stock):
        leaves = {
            name: value.clone().requires_grad_()
            if isinstance(value, Tensor) and value.is_floating_point()
            else value
            for name, value in inputs.items()
        }
        with SavedBytes() as saved:
            output = module(**leaves)
        outputs = output if isinstance(output, tuple) else (output,)
        sum((o * torch.linspace(-1, 1, o.numel()).view(o.shape)).sum() for o in outputs).backward()
        gradients = [p.grad for p in module.parameters()]
        gradients += [x.grad for x in leaves.values() if isinstance(x, Tensor) and x.requires_grad]
        results.append([*outputs, *gradients])
        kept.append(saved.total)
    for mine, theirs in zip(*results, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=2e-4, atol=2e-5)
    return kept[0], kept[1]
