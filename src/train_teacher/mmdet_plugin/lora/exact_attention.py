"""Hooks that keep the base of an adapted nn.MultiheadAttention exactly as it was.

PEFT adapts it by adding the adapter to the base weights before each forward and subtracting it
afterwards (peft/tuners/lora/layer.py, MultiheadAttention.forward). That rounds, and makes a new
Parameter each time. Putting the original Parameter back after the forward keeps base weights
bit-identical and every reference to them valid.
"""

from __future__ import annotations

from typing import Any

from torch import nn

STASH = "_exact_base"


def keep_base_exact(model: nn.Module) -> None:
    """Register the hooks on every adapted attention of a model."""
    from peft.tuners.lora.layer import MultiheadAttention

    for module in model.modules():
        if isinstance(module, MultiheadAttention):
            module.register_forward_pre_hook(_stash)
            module.register_forward_hook(_put_back, always_call=True)


def _places(module: Any) -> tuple[tuple[nn.Module, str], ...]:
    attention = module.get_base_layer()
    return (attention, "in_proj_weight"), (attention.out_proj.get_base_layer(), "weight")


def _stash(module: nn.Module, _: Any) -> None:
    if getattr(module, "merged", False):
        return
    # A plain attribute: as a registered parameter it would be in the state dict twice.
    stashed = [getattr(owner, name) for owner, name in _places(module)]
    object.__setattr__(module, STASH, stashed)


def _put_back(module: nn.Module, _: Any, __: Any) -> None:
    stashed = module.__dict__.pop(STASH, None)
    if stashed is None:
        return
    for (owner, name), parameter in zip(_places(module), stashed, strict=True):
        delattr(owner, name)
        owner.register_parameter(name, parameter)
