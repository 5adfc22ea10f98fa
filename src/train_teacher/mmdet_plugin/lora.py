"""LoRA through PEFT, put into the detector in place (Hu et al. 2021, arXiv 2106.09685).

`inject_adapter_in_model` keeps the detector's class, unlike `get_peft_model`, so that MMEngine's
Runner, hooks and state dicts go on working; the adapter can still be loaded by PeftModel.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from train_teacher.domain.errors import UserError
from train_teacher.domain.lora_targets import (
    ATTENTION,
    INSIDE_ATTENTION,
    LINEAR,
    OTHER,
    LoraTargets,
    ModuleKind,
    choose_targets,
)

NAME = "default"
"""PEFT's name for the one adapter."""


def describe_modules(model: nn.Module) -> list[ModuleKind]:
    """Return every sub-module of a detector with its kind."""
    attentions = [n for n, m in model.named_modules() if isinstance(m, nn.MultiheadAttention)]
    inside = {f"{name}.out_proj" for name in attentions}
    return [
        ModuleKind(name, _kind(name, module, inside), isinstance(module, nn.LayerNorm))
        for name, module in model.named_modules()
        if name
    ]


def _kind(name: str, module: nn.Module, inside: set[str]) -> str:
    if name in inside:
        return INSIDE_ATTENTION
    if isinstance(module, nn.Linear):
        return LINEAR
    return ATTENTION if isinstance(module, nn.MultiheadAttention) else OTHER


def inject_lora(model: nn.Module, settings: Mapping[str, Any]) -> LoraTargets:
    """Add low-rank matrices, and copies of the small modules; only they will train.

    Args:
        model: with its base weights; changed in place.
        settings: `rank`, `alpha`, `dropout`, `dora`, `rslora`, `targets`.

    Returns:
        What is trained.

    Raises:
        UserError: a target matches nothing or would never train.
    """
    from peft import LoraConfig, inject_adapter_in_model

    targets = choose_targets(describe_modules(model), settings["targets"])
    attention = [n for n in targets.matrices if isinstance(_at(model, n), nn.MultiheadAttention)]
    if attention and settings["dora"]:
        raise UserError(
            f"lora_dora: DoRA cannot be used with nn.MultiheadAttention ({attention[0]} and "
            f"{len(attention) - 1} more). Leave `attention` out of lora_targets, or DoRA off."
        )
    config = LoraConfig(
        r=settings["rank"],
        lora_alpha=settings["alpha"],
        lora_dropout=settings["dropout"],
        use_dora=settings["dora"],
        use_rslora=settings["rslora"],
        target_modules=list(targets.matrices),
        modules_to_save=list(targets.full),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        inject_adapter_in_model(config, model, adapter_name=NAME)
    for name in targets.full:
        # The original stays for the adapter to be switched off; it must not train by mistake.
        _at(model, name).original_module.requires_grad_(False)
    return targets


def _at(model: nn.Module, name: str) -> Any:
    return model.get_submodule(name)


def has_adapter(model: nn.Module) -> bool:
    """Tell whether LoRA was put into a model."""
    return hasattr(model, "peft_config")


def adapter_config(model: nn.Module) -> Any:
    """Return PEFT's LoraConfig of a model with an adapter."""
    config: Any = model.peft_config
    return config[NAME]


@contextmanager
def adapter_switched_off(model: nn.Module) -> Iterator[None]:
    """Compute what the base model computes, bit for bit, while the context lasts."""
    from peft.tuners.tuners_utils import BaseTunerLayer
    from peft.utils import ModulesToSaveWrapper

    layers = [m for m in model.modules() if isinstance(m, BaseTunerLayer | ModulesToSaveWrapper)]
    trainable = [p for p in model.parameters() if p.requires_grad]
    for layer in layers:
        layer.enable_adapters(enabled=False)
    try:
        yield
    finally:
        for layer in layers:
            layer.enable_adapters(enabled=True)
        # PEFT also switches requires_grad with the adapter.
        for parameter in model.parameters():
            parameter.requires_grad_(False)
        for parameter in trainable:
            parameter.requires_grad_(True)


class GradientWatch:
    """Notes which parameters have had a gradient that is not zero.

    The first matrix of a pair has one from the second step on only: the other starts at zero.
    """

    def __init__(self, model: nn.Module) -> None:
        """Begin to watch every trainable parameter."""
        self._largest: dict[str, list[torch.Tensor]] = {}
        self.waiting: set[str] = set()
        self._hooks: list[Any] = []
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                self.waiting.add(name)
                watched: Any = parameter
                self._hooks.append(watched.register_hook(self._note(name)))

    def _note(self, name: str) -> Any:
        def note(gradient: torch.Tensor) -> None:
            if name in self.waiting:
                self._largest.setdefault(name, []).append(gradient.detach().abs().amax())

        return note

    def judge(self) -> set[str]:
        """Return the parameters still without a gradient; reads all numbers in one transfer."""
        names = list(self._largest)
        if names:
            largest = torch.stack([torch.stack(self._largest[name]).amax() for name in names])
            for name, value in zip(names, largest.tolist(), strict=True):
                if value != 0.0:
                    self.waiting.discard(name)
        self._largest.clear()
        if not self.waiting:
            self.stop()
        return self.waiting

    def stop(self) -> None:
        """Watch no more."""
        for hook in self._hooks:
            hook.remove()
        self._hooks.clear()
