"""Which modules LoRA is put into, and which small ones are trained in full beside it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from train_teacher.domain.errors import UserError

LINEAR, ATTENTION, INSIDE_ATTENTION, OTHER = "linear", "attention", "inside attention", "other"
"""Kinds of modules; `out_proj` of nn.MultiheadAttention is a linear layer inside one."""

GROUPS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "encoder": (("encoder.*", LINEAR),),
    "decoder": (("decoder.layers.*", LINEAR),),
    "attention": (("encoder.*", ATTENTION), ("decoder.*", ATTENTION)),
    "backbone": (("backbone.*.attn.w_msa.qkv", LINEAR), ("backbone.*.attn.w_msa.proj", LINEAR)),
    "language_model": (
        ("language_model.*.attention.self.query", LINEAR),
        ("language_model.*.attention.self.key", LINEAR),
        ("language_model.*.attention.self.value", LINEAR),
    ),
}
"""Names a user may give instead of module names: pattern and kind of module."""
DEFAULT_GROUPS = ("encoder", "decoder")

FULL_MODULES = (
    "bbox_head.reg_branches.*",
    "text_feat_map",
    "query_embedding",
    "memory_trans_fc",
    "memory_trans_norm",
    "decoder.ref_point_head",
    "dn_query_generator.label_embedding",
)
"""Small modules that are trained as they are: LoRA would save little there."""
NORM_PARTS = ("encoder.*", "decoder.*")
LR_FACTOR = 2.0
"""Learning rate of the matrices over that of the modules trained in full: 2e-4 to 1e-4 is what
published LoRA fine-tunes of this model family agree on."""
NEAREST = 3


@dataclass(frozen=True)
class ModuleKind:
    """What target selection needs to know of one module."""

    name: str
    kind: str
    norm: bool = False
    children: int = 0


@dataclass(frozen=True)
class LoraTargets:
    """What is trained."""

    matrices: tuple[str, ...]
    """Modules that get a pair of low-rank matrices."""
    full: tuple[str, ...]
    """Modules of which a copy is trained."""


def choose_targets(modules: Sequence[ModuleKind], wanted: Sequence[str]) -> LoraTargets:
    """Return the modules to train.

    Args:
        modules: of the detector, in its order.
        wanted: names of groups, of modules, or patterns with `*`.

    Raises:
        UserError: one matches nothing, or only layers in which LoRA would never train.
    """
    found: dict[str, None] = {}
    for target in wanted:
        found.update(dict.fromkeys(_matches(modules, target)))
    full = [m.name for m in modules if any(_is(m.name, p) for p in FULL_MODULES)]
    full += [m.name for m in modules if m.norm and any(_is(m.name, p) for p in NORM_PARTS)]
    covered = tuple(f"{name}." for name in full)
    return LoraTargets(
        matrices=tuple(n for n in found if n not in full and not n.startswith(covered)),
        full=tuple(full),
    )


def _matches(modules: Sequence[ModuleKind], target: str) -> list[str]:
    if target in GROUPS:
        found = [
            m.name
            for pattern, kind in GROUPS[target]
            for m in modules
            if m.kind == kind and _is(m.name, pattern)
        ]
        if not found:
            raise UserError(f"lora_targets {target}: this model has no module of that group.")
        return found
    named = [m for m in modules if _is(m.name, target) or m.name.endswith(f".{target}")]
    usable = [m.name for m in named if m.kind in (LINEAR, ATTENTION)]
    dead = [m.name for m in named if m.kind == INSIDE_ATTENTION]
    if dead:
        around = dead[0].rpartition(".")[0]
        raise UserError(
            f"lora_targets {target}: {dead[0]} is inside nn.MultiheadAttention, which reads its "
            "weight without calling it: LoRA there would never train, in silence. Name the "
            f"attention itself: {around}, or all of them: attention."
        )
    if not usable:
        near = _nearest(target, (m.name for m in modules if m.kind in (LINEAR, ATTENTION)))
        raise UserError(
            f"lora_targets {target}: matches no linear layer of the model. "
            f"Nearest: {', '.join(near)}. Groups: {', '.join(GROUPS)}."
        )
    return usable


def _is(name: str, pattern: str) -> bool:
    return fnmatchcase(name, pattern) and not (
        pattern.endswith("reg_branches.*") and name.count(".") != pattern.count(".")
    )


def _nearest(target: str, names: Iterable[str]) -> list[str]:
    known = list(names)
    by_end = {name.rpartition(".")[2]: name for name in known}
    ends = difflib.get_close_matches(target.rpartition(".")[2], by_end, n=1)
    whole = difflib.get_close_matches(target, known, n=NEAREST, cutoff=0.3)
    return list(dict.fromkeys([*(by_end[end] for end in ends), *whole]))[:NEAREST] or known[:1]
