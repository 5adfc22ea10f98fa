"""Optimizer groups: one per (learning rate, weight decay) instead of one per parameter."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Hashable
from typing import Any

from mmengine.optim import DefaultOptimWrapperConstructor, OptimWrapper
from mmengine.registry import OPTIM_WRAPPER_CONSTRUCTORS, OPTIMIZERS
from torch import nn


def merge_groups(groups: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Put the parameters of groups with equal options together.

    Args:
        groups: parameter groups; `params` is a list, everything else an option.

    Returns:
        As few groups as there are different options, in the order in which they first occur.
    """
    merged: dict[Hashable, dict[str, Any]] = {}
    for group in groups:
        options = {name: value for name, value in group.items() if name != "params"}
        key = tuple(sorted((name, repr(value)) for name, value in options.items()))
        merged.setdefault(key, {"params": [], **options})["params"] += group["params"]
    return list(merged.values())


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class MergedGroupsConstructor(DefaultOptimWrapperConstructor):
    """MMEngine's constructor with merged groups and the fastest kernel of the optimizer.

    MMEngine makes one group per parameter as soon as one parameter has an option of its own
    (default_constructor.py:206-270): some 900 groups for Swin-T with BERT, and PyTorch updates
    group by group. Merged, one call updates them all; each number is computed as before.
    """

    optimizer_cfg: dict[str, Any]

    def add_params(
        self,
        params: list[dict[str, Any]],
        module: nn.Module,
        prefix: str = "",
        is_dcn_module: int | float | None = None,
    ) -> None:
        """Collect the groups of a module and its children; merge them at the root.

        Args:
            params: filled in place.
            prefix: dotted name of the module; empty for the model itself.
        """
        super().add_params(params, module, prefix, is_dcn_module)
        if not prefix:
            # `custom_keys` options are copied into the groups beside what they turned into
            # (default_constructor.py:234): they would keep groups of the same rate apart.
            for group in params:
                group.pop("lr_mult", None)
                group.pop("decay_mult", None)
                group.setdefault("lr", self.base_lr)
                if self.base_wd is not None:
                    group.setdefault("weight_decay", self.base_wd)
            params[:] = merge_groups(params)

    def __call__(self, model: nn.Module) -> OptimWrapper:
        """Build the optimizer, with its fused kernel on a GPU.

        On CPU PyTorch's own choice stays: it loops over the parameters, which is what the stock
        optimizer does there bit by bit, and its `foreach` form divides in another order.

        Args:
            model: with parameters on the device they are trained on.
        """
        cfg: dict[str, Any] = dict(self.optimizer_cfg)
        optimizer = OPTIMIZERS.get(cfg["type"]) if isinstance(cfg["type"], str) else cfg["type"]
        on_gpu = next(model.parameters()).device.type == "cuda"
        chosen = {"fused", "foreach"} & cfg.keys()
        if on_gpu and not chosen and "fused" in inspect.signature(optimizer).parameters:
            self.optimizer_cfg = {**cfg, "fused": True}
        wrapper = super().__call__(model)
        if wrapper.clip_grad_kwargs:
            wrapper.clip_func = _in_model_order(wrapper.clip_func, model)
        return wrapper


def _in_model_order(clip: Callable[..., Any], model: nn.Module) -> Callable[..., Any]:
    """Return `clip` on the model's order of parameters, in which the stock groups are.

    The norm of all gradients is a sum; in the order of the merged groups its last bit would differ.
    """
    order = {id(parameter): place for place, parameter in enumerate(model.parameters())}

    def clip_in_order(parameters: list[nn.Parameter], **options: Any) -> Any:
        ordered = sorted(parameters, key=lambda p: order.get(id(p), len(order)))
        return clip(ordered, **options)

    return clip_in_order
