"""Source of each setting's value, and the reason for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from train_teacher.config.generate import GeneratedConfig
from train_teacher.settings.decided import Decided
from train_teacher.settings.schema import REQUIRED, TeacherSettings

YOU, PRESET, CHOSEN, DEFAULT = "you", "preset", "chosen from the data", "default"
RECIPE = "recipe"
BOOKKEEPING = frozenset({"decided", *Decided.__struct_fields__, "checkpoint"})
"""Settings that say something of other settings."""
ONLY_WITH = {
    "lora_": "lora",
    "backbone_lr_factor": "full",
    "language_model_lr_factor": "full",
    "unfreeze_at": "full",
}
"""Beginnings of names of settings that mean something in one tuning mode."""
FROM_THE_MACHINE = {
    "workers": "from the cores and the number of images",
    "val_batch_size": "from the device",
    "precision": "what the device computes fast",
}
FROM_OVERRIDES = {
    "epochs": "train_cfg",
    "val_interval": "train_cfg",
    "lr": "optim_wrapper.optimizer.lr",
    "schedule": "param_scheduler",
}
"""Settings and the key of the generated config whose reason is theirs."""
SAYS_NOTHING = ("set by you", "given")


def applies(name: str, value: object, tune: str) -> bool:
    """Return whether a setting is worth showing: it is set, and it had an effect."""
    if value in (None, {}, []) or name in BOOKKEEPING:
        return False
    return all(mode == tune for start, mode in ONLY_WITH.items() if name.startswith(start))


def setting_sources(settings: TeacherSettings, preset: Mapping[str, Any]) -> dict[str, str]:
    """Return the source of every setting; the preset is empty where it is missing."""
    values = msgspec.to_builtins(settings)
    defaults = msgspec.to_builtins(TeacherSettings(data="", output=""))
    # `auto` weights are the preset's checkpoint.
    base = {**preset, "weights": preset.get("checkpoint")}
    sources = {}
    for name, value in values.items():
        if name in settings.decided.chosen or name in settings.decided.auto_reasons:
            sources[name] = CHOSEN
        elif name in settings.decided.from_recipe:
            sources[name] = RECIPE
        elif name in REQUIRED:
            sources[name] = YOU
        elif name in base and _means(base[name], value):
            sources[name] = PRESET
        elif _means(defaults[name], value):
            sources[name] = DEFAULT
        else:
            sources[name] = YOU
    return sources


def _means(said: object, value: object) -> bool:
    """Return whether a resolved value is the given one; a name becomes a folder's path."""
    if isinstance(said, str) and isinstance(value, str) and said:
        return value == said or value.endswith(f"/{said}")
    return said == value


def setting_reasons(generated: GeneratedConfig, settings: TeacherSettings) -> dict[str, str]:
    """Return the reason for a setting's value, as in the dry run."""
    overrides = {override.key: override.reason for override in generated.overrides}
    images = settings.batch_size * settings.gpus * generated.schedule.accumulation
    return {
        name: reason
        for name, reason in {
            **{name: overrides[key] for name, key in FROM_OVERRIDES.items()},
            "batch_size": f"{images} images in an optimizer step",
            **{n: r for n, r in FROM_THE_MACHINE.items() if n in settings.decided.chosen},
            **{d.name: d.reason for d in generated.decisions},
        }.items()
        if not reason.startswith(SAYS_NOTHING)
    }
