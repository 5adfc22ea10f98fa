"""LoRA in MMDetection's Grounding DINO: adapters injected by PEFT, checked, switched, merged.

PEFT changes the detector in place (`inject_adapter_in_model`), so it stays the class that MMEngine
knows. It happens after the base weights are loaded, because injection renames parameters, and
before the optimizer exists.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from train_teacher.core.errors import UserError
from train_teacher.mmdet_plugin.lora.exact_attention import keep_base_exact
from train_teacher.mmdet_plugin.lora.targets import (
    find_full_modules,
    find_targets,
    is_attention,
    is_inside,
    shown_names,
)

if TYPE_CHECKING:
    from peft import LoraConfig

ADAPTER = "default"
# What PeftModel prepends to every name in a saved adapter.
SAVED_PREFIX = "base_model.model."


@dataclass(frozen=True)
class LoraOptions:
    """Content of the config's `model.lora`."""

    rank: int = 16
    alpha: int | None = None
    """None: twice the rank."""
    dropout: float = 0.0
    dora: bool = False
    rslora: bool = False
    targets: Sequence[str] = field(default=())
    """Groups, module names or the ends of such names; empty means `lora_targets.DEFAULT_GROUPS`."""


def inject_lora(model: nn.Module, options: LoraOptions, frozen: Sequence[str] = ()) -> None:
    """Inject adapters into a detector, in place; everything else stops requiring a gradient.

    Args:
        model: detector with its base weights.
        frozen: parts that get neither adapters nor trained modules.

    Raises:
        UserError: a target matches nothing, is frozen, or would never train.
    """
    from peft import LoraConfig, inject_adapter_in_model

    targets = find_targets(model, options.targets, frozen)
    if options.dora:
        targets = [name for name in targets if not _has_zero_row(model.get_submodule(name))]
    full = find_full_modules(model, frozen)
    alpha = 2 * options.rank if options.alpha is None else options.alpha
    config = LoraConfig(
        r=options.rank,
        lora_alpha=alpha,
        lora_dropout=options.dropout,
        use_dora=options.dora,
        use_rslora=options.rslora,
        target_modules=targets,
        modules_to_save=full,
    )
    if options.dora and any(is_attention(model.get_submodule(name)) for name in targets):
        raise UserError(
            "lora_dora: PEFT has no DoRA for nn.MultiheadAttention. "
            "Leave lora_dora out, or `attention` out of lora_targets."
        )
    inject_adapter_in_model(config, model, adapter_name=ADAPTER)
    _check_injected(model, targets, full)
    keep_base_exact(model)


def lora_config(model: nn.Module) -> LoraConfig | None:
    """Return PEFT's config of the injected adapter, None for a model without one."""
    configs: Mapping[str, LoraConfig] = getattr(model, "peft_config", {})
    return configs.get(ADAPTER)


def adapter_tensors(model: nn.Module, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the adapter as PEFT's own file holds it, from values by parameter name."""
    from peft import get_peft_model_state_dict

    tensors = get_peft_model_state_dict(
        model, state_dict=dict(state), adapter_name=ADAPTER, save_embedding_layers=False
    )
    return {f"{SAVED_PREFIX}{name}": tensor.contiguous() for name, tensor in tensors.items()}


def merge_adapters(model: nn.Module) -> None:
    """Add the adapters, if there are any, to the base weights in place and remove them."""
    from peft.tuners.lora import LoraLayer

    outer: list[str] = []
    for name, module in list(model.named_modules()):
        if is_inside(name, outer):
            continue
        if hasattr(module, "unload_and_optionally_merge_module"):
            # An attention or a module that was trained whole: they know how.
            whole = module.unload_and_optionally_merge_module(
                merge=True, safe_merge=False, adapter_names=None
            )
        elif isinstance(module, LoraLayer):
            module.merge()
            whole = module.get_base_layer()
        else:
            continue
        outer.append(name)
        parent, _, leaf = name.rpartition(".")
        setattr(model.get_submodule(parent), leaf, whole)
    if hasattr(model, "peft_config"):
        del model.peft_config


def use_adapter(model: nn.Module, name: str) -> None:
    """Let a detector with several adapters compute with one of them.

    Raises:
        ValueError: it has no such adapter.
    """
    from peft.tuners.tuners_utils import BaseTunerLayer
    from peft.utils import ModulesToSaveWrapper

    if name not in getattr(model, "peft_config", {}):
        raise ValueError(f"the model has no adapter {name!r}")
    for module in model.modules():
        if isinstance(module, (BaseTunerLayer, ModulesToSaveWrapper)):
            module.set_adapter(name)


@contextmanager
def without_adapters(model: nn.Module) -> Iterator[None]:
    """Let a detector compute what its base computes within the context."""
    from peft.tuners.tuners_utils import BaseTunerLayer
    from peft.utils import ModulesToSaveWrapper

    switched = [m for m in model.modules() if isinstance(m, (BaseTunerLayer, ModulesToSaveWrapper))]
    trainable = [p for p in model.parameters() if p.requires_grad]
    for module in switched:
        module.enable_adapters(False)
    try:
        yield
    finally:
        for module in switched:
            module.enable_adapters(True)
        # PEFT turns gradients off and on with the adapters, also those of the base.
        model.requires_grad_(False)
        for parameter in trainable:
            parameter.requires_grad_(True)


def describe_lora(model: nn.Module) -> str:
    """Return one line: rank, how many adapters and full modules, how many parameters."""
    config = lora_config(model)
    if config is None:
        return ""
    lora = [p for n, p in model.named_parameters() if is_lora_parameter(n)]
    full = [p for n, p in model.named_parameters() if p.requires_grad and not is_lora_parameter(n)]
    matrices = sum(p.numel() for p in lora)
    kind = "DoRA" if config.use_dora else "LoRA"
    return (
        f"{kind} of rank {config.r}, alpha {config.lora_alpha}: {len(lora)} matrices with "
        f"{matrices:,} parameters, and {len(config.modules_to_save or ())} small modules trained "
        f"whole with {sum(p.numel() for p in full):,}"
    )


def is_lora_parameter(name: str) -> bool:
    """Return whether a parameter is a matrix or magnitude of an adapter."""
    return ".lora_" in name


def options_from(values: Mapping[str, Any]) -> LoraOptions:
    """Return the options of a config's `model.lora`.

    Raises:
        UserError: it has a key that is not an option.
    """
    unknown = set(values) - set(asdict(LoraOptions()))
    if unknown:
        raise UserError(f"model.lora has no {min(unknown)!r}: {', '.join(asdict(LoraOptions()))}")
    return LoraOptions(**values)


def _check_injected(model: nn.Module, targets: Iterable[str], full: Iterable[str]) -> None:
    """Check that PEFT wrapped the wanted modules: it matches by the ends of names.

    Raises:
        RuntimeError: it wrapped other modules.
    """
    from peft.tuners.lora import LoraLayer
    from peft.utils import ModulesToSaveWrapper

    adapted = {n for n, m in model.named_modules() if isinstance(m, LoraLayer)}
    # PEFT puts a second layer inside an attention: its out_proj belongs to it.
    adapted = {n for n in adapted if not n.endswith(".base_layer.out_proj")}
    saved = {n for n, m in model.named_modules() if isinstance(m, ModulesToSaveWrapper)}
    wrong = (adapted ^ set(targets)) | (saved ^ set(full))
    if wrong:
        raise RuntimeError(f"PEFT adapted other modules than asked: {shown_names(sorted(wrong))}")


def _has_zero_row(module: nn.Module) -> bool:
    """Return whether DoRA would divide by zero: it divides by the norm of each output's weights."""
    weight = getattr(module, "weight", None)
    return weight is not None and bool((weight.flatten(1).norm(dim=1) == 0).any())
