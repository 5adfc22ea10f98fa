"""LoRA inside MMDetection's Grounding DINO: which modules, put in by PEFT, checked one by one.

PEFT changes the detector in place (`inject_adapter_in_model`), so it stays the class that MMEngine
knows. It happens after the base weights are loaded, because injection renames parameters, and
before the optimizer exists.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from train_teacher.domain.errors import UserError
from train_teacher.mmdet_plugin.exact_attention import keep_base_exact

if TYPE_CHECKING:
    from peft import LoraConfig

ADAPTER = "default"
# What PeftModel prepends to every name in a saved adapter.
SAVED_PREFIX = "base_model.model."
ADAPTABLE = (nn.Linear, nn.Conv2d, nn.MultiheadAttention)
SHOWN_NAMES = 5


@dataclass(frozen=True)
class TargetGroup:
    """Modules that a setting names together."""

    prefix: str
    kind: type[nn.Module] = nn.Linear
    leaves: tuple[str, ...] = ()
    """Last parts of the names; empty means every module of the kind."""

    def holds(self, name: str, module: nn.Module) -> bool:
        """Return whether a module belongs to the group."""
        leaf = name.rsplit(".", 1)[-1]
        return (
            isinstance(module, self.kind)
            and name.startswith(self.prefix)
            and (not self.leaves or leaf in self.leaves)
        )


# The names are those of mmdet's grounding_dino_layers.py, swin.py and of Hugging Face's BERT.
GROUPS: Mapping[str, tuple[TargetGroup, ...]] = {
    "encoder": (TargetGroup("encoder.layers."),),
    "text_layers": (TargetGroup("encoder.text_layers."),),
    "fusion": (TargetGroup("encoder.fusion_layers."),),
    "decoder": (TargetGroup("decoder."),),
    "attention": (
        TargetGroup("encoder.", nn.MultiheadAttention),
        TargetGroup("decoder.", nn.MultiheadAttention),
    ),
    "backbone": (TargetGroup("backbone.", nn.Linear, ("qkv", "proj")),),
    "language_model": (TargetGroup("language_model.", nn.Linear, ("query", "key", "value")),),
}
DEFAULT_GROUPS = ("encoder", "text_layers", "fusion", "decoder")
# Small, and tied to the classes or to the widths of what they read: trained whole.
FULL_MODULES = (
    "text_feat_map",
    "query_embedding",
    "memory_trans_fc",
    "memory_trans_norm",
    "dn_query_generator.label_embedding",
)
# A ModuleList cannot be saved as one module by PEFT, its members can.
FULL_LISTS = ("bbox_head.reg_branches", "bbox_head.cls_branches")
NORMS = (nn.LayerNorm, nn.GroupNorm)
NORM_PARTS = ("neck.", "encoder.", "decoder.")


@dataclass(frozen=True)
class LoraOptions:
    """What the config's `model.lora` holds."""

    rank: int = 16
    alpha: int | None = None
    """None: twice the rank."""
    dropout: float = 0.0
    dora: bool = False
    rslora: bool = False
    targets: Sequence[str] = field(default=())
    """Groups, module names or the ends of such names; empty means `DEFAULT_GROUPS`."""


def inject_lora(model: nn.Module, options: LoraOptions, frozen: Sequence[str] = ()) -> None:
    """Put adapters into a detector, in place; everything else stops requiring a gradient.

    Args:
        model: detector with its base weights.
        options: rank, targets and so on.
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
    if options.dora and any(_is_attention(model.get_submodule(name)) for name in targets):
        raise UserError(
            "lora_dora: PEFT has no DoRA for nn.MultiheadAttention. "
            "Leave lora_dora out, or `attention` out of lora_targets."
        )
    inject_adapter_in_model(config, model, adapter_name=ADAPTER)
    _check_injected(model, targets, full)
    keep_base_exact(model)


def find_targets(
    model: nn.Module, targets: Sequence[str] = (), frozen: Sequence[str] = ()
) -> list[str]:
    """Return the full names of the modules that get adapters.

    Args:
        model: detector without adapters.
        targets: groups of `GROUPS`, module names, or ends of module names (from a dot on).
        frozen: parts without adapters; their modules leave the default set and are an error when
            named.

    Raises:
        UserError: see `inject_lora`.
    """
    modules = dict(model.named_modules())
    found: dict[str, None] = {}
    for target in targets or DEFAULT_GROUPS:
        names = _matches(modules, target)
        if not names:
            raise UserError(_unmatched_message(modules, target))
        free = [name for name in names if not _is_inside(name, frozen)]
        if targets and len(free) < len(names):
            part = next(part for part in frozen if _is_inside(names[0], [part]))
            raise UserError(
                f"lora_targets {target!r}: {names[0]} lies in {part}, which is frozen. "
                f"Leave out the target, or --freeze {part}."
            )
        for name in free:
            _refuse_silent_no_op(modules, target, name)
            found[name] = None
    if not found:
        raise UserError("--tune lora: every part that could get adapters is frozen.")
    return list(found)


def find_full_modules(model: nn.Module, frozen: Sequence[str] = ()) -> list[str]:
    """Return the names of the small modules that are trained whole beside the adapters.

    Args:
        model: detector without adapters.
        frozen: parts whose modules stay as they are.
    """
    modules = dict(model.named_modules())
    members = [
        f"{name}.{number}" for name in FULL_LISTS for number in range(len(modules.get(name, ())))
    ]
    inside = {name for name in modules if name.startswith(tuple(f"{n}." for n in members))}
    norms = [
        name
        for name, module in modules.items()
        if isinstance(module, NORMS) and name.startswith(NORM_PARTS) and name not in inside
    ]
    wanted = [*(name for name in FULL_MODULES if name in modules), *members, *norms]
    return [name for name in dict.fromkeys(wanted) if not _is_inside(name, frozen)]


def lora_config(model: nn.Module) -> LoraConfig | None:
    """Return PEFT's config of the injected adapter, None for a model without one."""
    configs: Mapping[str, LoraConfig] = getattr(model, "peft_config", {})
    return configs.get(ADAPTER)


def adapter_tensors(model: nn.Module, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the adapter as PEFT's own file holds it.

    Args:
        model: detector with an adapter.
        state: values by the model's parameter names, such as a checkpoint's.
    """
    from peft import get_peft_model_state_dict

    tensors = get_peft_model_state_dict(
        model, state_dict=dict(state), adapter_name=ADAPTER, save_embedding_layers=False
    )
    return {f"{SAVED_PREFIX}{name}": tensor.contiguous() for name, tensor in tensors.items()}


def merge_adapters(model: nn.Module) -> None:
    """Add the adapters to the base weights, in place, and leave a detector without them.

    Args:
        model: detector; one without adapters stays as it is.
    """
    from peft.tuners.lora import LoraLayer

    outer: list[str] = []
    for name, module in list(model.named_modules()):
        if _is_inside(name, outer):
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


@contextmanager
def without_adapters(model: nn.Module) -> Iterator[None]:
    """Let a detector compute what its base computes, for as long as the context lasts.

    Args:
        model: detector with adapters.
    """
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


def _matches(modules: Mapping[str, nn.Module], target: str) -> list[str]:
    if target in GROUPS:
        groups = GROUPS[target]
        return [
            name
            for name, module in modules.items()
            if any(group.holds(name, module) for group in groups)
            and not _is_attention(_parent(modules, name))
        ]
    return [name for name in modules if name == target or name.endswith(f".{target}")]


def _refuse_silent_no_op(modules: Mapping[str, nn.Module], target: str, name: str) -> None:
    """Refuse a module whose adapter would not be called, or that has none in PEFT."""
    parent = name.rpartition(".")[0]
    if _is_attention(_parent(modules, name)):
        raise UserError(
            f"lora_targets {target!r}: {name} would never train: nn.MultiheadAttention uses the "
            "weight of its out_proj and does not call it. Name the attention itself, "
            f"{parent!r}, or the group 'attention'."
        )
    if not isinstance(modules[name], ADAPTABLE):
        inside = [n for n, m in modules.items() if n.startswith(f"{name}.") and _adaptable(m)]
        hint = f" In it: {_list(inside)}." if inside else ""
        raise UserError(
            f"lora_targets {target!r}: {name} is a {type(modules[name]).__name__}, and adapters "
            f"go into {', '.join(kind.__name__ for kind in ADAPTABLE)}.{hint}"
        )


def _unmatched_message(modules: Mapping[str, nn.Module], target: str) -> str:
    names = [name for name, module in modules.items() if _adaptable(module)]
    ends = {end for name in names for end in _ends(name)}
    near = difflib.get_close_matches(target, [*GROUPS, *sorted(ends)], n=SHOWN_NAMES, cutoff=0.5)
    hint = f"Nearest: {', '.join(near)}." if near else f"Modules: {_list(names)}."
    return (
        f"lora_targets {target!r}: the model has no such module, so nothing would be adapted. "
        f"{hint} Groups: {', '.join(GROUPS)}."
    )


def _ends(name: str) -> Iterator[str]:
    """Yield a module name and every end of it that begins after a dot and is not a number."""
    parts = name.split(".")
    for start in range(len(parts)):
        if not parts[start].isdigit():
            yield ".".join(parts[start:])


def _check_injected(model: nn.Module, targets: Iterable[str], full: Iterable[str]) -> None:
    """Compare what PEFT did with what was wanted: it matches by the ends of names.

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
        raise RuntimeError(f"PEFT adapted other modules than asked: {_list(sorted(wrong))}")


def _has_zero_row(module: nn.Module) -> bool:
    """Return whether DoRA would divide by zero: it divides by the norm of each output's weights."""
    weight = getattr(module, "weight", None)
    return weight is not None and bool((weight.flatten(1).norm(dim=1) == 0).any())


def _parent(modules: Mapping[str, nn.Module], name: str) -> nn.Module | None:
    return modules.get(name.rpartition(".")[0])


def _is_attention(module: nn.Module | None) -> bool:
    return isinstance(module, nn.MultiheadAttention)


def _adaptable(module: nn.Module) -> bool:
    return isinstance(module, ADAPTABLE)


def _is_inside(name: str, parts: Sequence[str]) -> bool:
    return any(name == part or name.startswith(f"{part}.") for part in parts)


def _list(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN_NAMES} more" if len(names) > SHOWN_NAMES else ""
    return ", ".join(names[:SHOWN_NAMES]) + more
