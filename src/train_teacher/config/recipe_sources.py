"""Reasons of the values that a generated config has from a recipe."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from train_teacher.config.model import GIVEN, Override
from train_teacher.settings.schema import TeacherSettings

SETTINGS_OF: Mapping[str, tuple[str, ...]] = {
    "model.frozen_modules": ("tune", "freeze"),
    "model.joining_modules": ("unfreeze_at",),
    "train_dataloader": ("augmentation", "random_crop", "train_scales", "image_scale"),
    "val_dataloader": ("val_scale",),
    "optim_wrapper": (
        *("optimizer", "weight_decay", "clip_grad", "effective_batch", "accumulation"),
        *("backbone_lr_factor", "language_model_lr_factor", "lora_lr_factor"),
    ),
    "optim_wrapper.optimizer.lr": ("lr",),
    "param_scheduler": ("schedule",),
    "train_cfg": ("epochs", "steps", "val_interval"),
    "custom_hooks": ("early_stopping",),
}
"""Keys of a generated config, and the settings that their values come from."""


def with_recipe_named(
    overrides: Iterable[Override], settings: TeacherSettings
) -> tuple[Override, ...]:
    """Return overrides whose reasons name the settings that the recipe gave."""
    return tuple(_named(override, settings) for override in overrides)


def _named(override: Override, settings: TeacherSettings) -> Override:
    from_recipe = settings.decided.from_recipe
    names = [name for name in SETTINGS_OF.get(override.key, ()) if name in from_recipe]
    if not names:
        return override
    source = f"{', '.join(names)} of recipe {settings.recipe}"
    reason = source if override.reason == GIVEN else f"{override.reason}; {source}"
    return replace(override, reason=reason)
