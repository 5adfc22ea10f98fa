"""Modules of a Grounding DINO that get adapters, and small ones that are trained whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from torch import nn

from train_teacher.core.errors import UserError
from train_teacher.core.words import near_names

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
        UserError: a target matches nothing, is frozen, or would never train.
    """
    modules = dict(model.named_modules())
    found: dict[str, None] = {}
    for target in targets or DEFAULT_GROUPS:
        names = _matches(modules, target)
        if not names:
            raise UserError(_unmatched_message(modules, target))
        free = [name for name in names if not is_inside(name, frozen)]
        if targets and len(free) < len(names):
            name, part = next((n, p) for n in names for p in frozen if is_inside(n, [p]))
            raise UserError(
                f"lora_targets {target!r}: {name} lies in {part}, which is frozen. To adapt it, "
                f"write {part!r}, or names that begin with it, into lora_targets, and do not "
                f"--freeze {part}."
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
    return [name for name in dict.fromkeys(wanted) if not is_inside(name, frozen)]


def _matches(modules: Mapping[str, nn.Module], target: str) -> list[str]:
    if target in GROUPS:
        groups = GROUPS[target]
        return [
            name
            for name, module in modules.items()
            if any(group.holds(name, module) for group in groups)
            and not is_attention(_parent(modules, name))
        ]
    return [name for name in modules if name == target or name.endswith(f".{target}")]


def _refuse_silent_no_op(modules: Mapping[str, nn.Module], target: str, name: str) -> None:
    """Refuse a module whose adapter would never be called, or that PEFT cannot adapt."""
    parent = name.rpartition(".")[0]
    if is_attention(_parent(modules, name)):
        raise UserError(
            f"lora_targets {target!r}: {name} would never train: nn.MultiheadAttention uses the "
            "weight of its out_proj and does not call it. Name the attention itself, "
            f"{parent!r}, or the group 'attention'."
        )
    if not isinstance(modules[name], ADAPTABLE):
        inside = [n for n, m in modules.items() if n.startswith(f"{name}.") and _adaptable(m)]
        hint = f" In it: {shown_names(inside)}." if inside else ""
        raise UserError(
            f"lora_targets {target!r}: {name} is a {type(modules[name]).__name__}, and adapters "
            f"go into {', '.join(kind.__name__ for kind in ADAPTABLE)}.{hint}"
        )


def _unmatched_message(modules: Mapping[str, nn.Module], target: str) -> str:
    names = [name for name, module in modules.items() if _adaptable(module)]
    ends = {end for name in names for end in _ends(name)}
    near = near_names(target, [*GROUPS, *sorted(ends)], SHOWN_NAMES, cutoff=0.5)
    hint = f"Nearest: {', '.join(near)}." if near else f"Modules: {shown_names(names)}."
    return (
        f"lora_targets {target!r}: the model has no such module, so nothing would be adapted. "
        f"{hint} Groups: {', '.join(GROUPS)}."
    )


def _ends(name: str) -> Iterator[str]:
    """Yield a module name and every end of it that begins after a dot and is not numeric."""
    parts = name.split(".")
    for start in range(len(parts)):
        if not parts[start].isdigit():
            yield ".".join(parts[start:])


def _parent(modules: Mapping[str, nn.Module], name: str) -> nn.Module | None:
    return modules.get(name.rpartition(".")[0])


def is_attention(module: nn.Module | None) -> bool:
    """Return whether a module is PyTorch's own attention."""
    return isinstance(module, nn.MultiheadAttention)


def _adaptable(module: nn.Module) -> bool:
    return isinstance(module, ADAPTABLE)


def is_inside(name: str, parts: Sequence[str]) -> bool:
    """Return whether a module is one of some parts or lies in one."""
    return any(name == part or name.startswith(f"{part}.") for part in parts)


def shown_names(names: Sequence[str]) -> str:
    """Return the first names of a list, and how many follow."""
    more = f" and {len(names) - SHOWN_NAMES} more" if len(names) > SHOWN_NAMES else ""
    return ", ".join(names[:SHOWN_NAMES]) + more
