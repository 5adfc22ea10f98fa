"""Optimizer, schedule and augmentation that a YAML edit switches, in MMDetection's terms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

from train_teacher.core.words import did_you_mean

ScheduleName = Literal["multistep", "cosine", "constant", "plateau"]
AugmentationName = Literal["official", "fewshot", "flip_only", "none"]

# Arguments of torch.optim's constructors beside `params`, `lr` and `weight_decay`, of those that
# suit a transformer or that people compare with. Speed switches (foreach, fused) are left to --set.
OPTIMIZERS: Mapping[str, frozenset[str]] = {
    "AdamW": frozenset({"betas", "eps", "amsgrad"}),
    "Adam": frozenset({"betas", "eps", "amsgrad"}),
    "NAdam": frozenset({"betas", "eps", "momentum_decay"}),
    "RAdam": frozenset({"betas", "eps"}),
    "Adamax": frozenset({"betas", "eps"}),
    "RMSprop": frozenset({"alpha", "eps", "momentum", "centered"}),
    "SGD": frozenset({"momentum", "dampening", "nesterov"}),
}
# The learning rate rule is measured for Adam's kin, whose steps do not grow with the gradient.
WITHOUT_LR_RULE = frozenset({"SGD"})
OWN_SETTINGS = ("lr", "weight_decay")
JOINING_PARTS = ("backbone", "encoder")
"""Parts that wait for `unfreeze_at`: FT-FSOD first trains all others."""


# Loading and packing are fixed by the model's input; several images at once need another dataset.
FIXED_TRANSFORMS = frozenset(
    "LoadImageFromFile LoadPicture LoadAnnotations PackDetInputs PackInputs "
    "RandomSamplingNegPos RandomPrompt SometimesMixUp".split()
)
NEEDS_SEVERAL_IMAGES = frozenset({"Mosaic", "MixUp", "CopyPaste"})


def optimizer_problems(optimizer: Mapping[str, Any], *, lr_given: bool) -> list[str]:
    """Return the problems of the `optimizer` setting."""
    name = optimizer.get("type", "AdamW")
    if name not in OPTIMIZERS:
        names = ", ".join(OPTIMIZERS)
        return [
            f"optimizer: type {name!r} is not one of {names}.{did_you_mean(str(name), OPTIMIZERS)}"
        ]
    problems = []
    known = OPTIMIZERS[name]
    for key in optimizer:
        if key in OWN_SETTINGS:
            problems.append(f"optimizer: {key} is a setting of its own: write `{key}:` beside it.")
        elif key != "type" and key not in known:
            problems.append(
                f"optimizer: {name} has no argument {key!r}.{did_you_mean(key, known)} "
                f"It has: {', '.join(sorted(known))}."
            )
    if name in WITHOUT_LR_RULE and not lr_given:
        problems.append(
            f"optimizer: the rule for the learning rate is AdamW's, and {name} would hardly train "
            f"with it. Give `lr` too, for example 1e-3."
        )
    return problems


def schedule_problems(schedule: str | Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the problems of the `schedule` setting, its types being right."""
    if isinstance(schedule, str):
        return []
    if not schedule:
        return ["schedule: the list is empty; `constant` keeps the learning rate as it is."]
    return [
        f"schedule: entry {number} has no `type`, such as MultiStepLR."
        for number, entry in enumerate(schedule)
        if not isinstance(entry.get("type"), str)
    ]


def has_plateau(schedule: str | Sequence[Mapping[str, Any]]) -> bool:
    """Return whether a `schedule` setting lowers the rate when a score rises no more."""
    if isinstance(schedule, str):
        return schedule == "plateau"
    return any("ReduceOnPlateau" in str(entry.get("type")) for entry in schedule)


def unfreezing_problems(merged: Mapping[str, Any]) -> list[str]:
    """Say what of other settings the `unfreeze_at` setting cannot be together with."""
    at = merged.get("unfreeze_at")
    if at is None:
        return []
    problems = []
    if merged.get("plain"):
        problems.append(
            "unfreeze_at: MMDetection's own types train everything from the first step on. Leave "
            "unfreeze_at out, or --plain."
        )
    tune = merged.get("tune", "frozen")
    if tune != "full":
        problems.append(
            f"unfreeze_at: backbone and encoder join the training of everything, and with --tune "
            f"{tune} not everything is ever trained. Leave unfreeze_at out, or use --tune full."
        )
    if at == "plateau" and not has_plateau(merged.get("schedule", "multistep")):
        problems.append(
            "unfreeze_at: plateau waits for a plateau to lower the learning rate, and no other "
            "schedule has one. Give `schedule: plateau`, or the epoch after which they join."
        )
    if set(JOINING_PARTS) <= set(merged.get("freeze", ())):
        problems.append(
            "unfreeze_at: backbone and encoder are in freeze, so that none is left to join. Leave "
            "one of the two settings out."
        )
    return problems


def augmentation_problems(augmentation: str | Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the problems of the `augmentation` setting, its types being right."""
    if isinstance(augmentation, str):
        return []
    problems = []
    for number, transform in enumerate(augmentation):
        name = transform.get("type")
        if not isinstance(name, str):
            problems.append(
                f"augmentation: entry {number} has no `type`, such as RandomFlip. Recipes with a "
                f"name: {', '.join(get_args(AugmentationName))}."
            )
        elif name in FIXED_TRANSFORMS:
            problems.append(
                f"augmentation: {name} is part of every pipeline; list only what goes between "
                "loading and resizing."
            )
        elif name in NEEDS_SEVERAL_IMAGES:
            problems.append(
                f"augmentation: {name} mixes several images, which this data set class does not "
                f"hand over. Cached{name} does it from a cache of its own, where mmdet has it; "
                "`augmentation: fewshot` mixes some images as MixUp does."
            )
    return problems
