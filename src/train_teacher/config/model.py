"""Overrides of the base config's model: weights, freezing, adapters, prompts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from train_teacher.core.rewrites import LORA_PRODUCT, REWRITES
from train_teacher.inspection.facts import PromptInfo
from train_teacher.prompts.caption import classes_per_prompt
from train_teacher.settings.recipes import JOINING_PARTS
from train_teacher.settings.schema import TeacherSettings

# nn.Embedding of the denoising labels in the published weights (mmdet dino.py:41): another
# number of rows would silently leave that table random. A label is a position in the prompt, and
# a prompt of 256 tokens has at most 127 classes.
PRETRAINED_NUM_CLASSES = 256
DENOISING_KEY = "model.dn_cfg.group_cfg.num_dn_queries"
GIVEN = "set by you or the preset"
ARCHITECTURE = "architecture of the preset"
FROZEN_PARTS = ("backbone", "language_model")
# Constructor arguments that the base config leaves at their default.
ADDED_BY_PRESETS = frozenset(
    {
        "model.num_feature_levels",
        "model.backbone.pretrain_img_size",
        "model.decoder.layer_cfg.cross_attn_cfg.num_levels",
    }
)


@dataclass(frozen=True)
class Override:
    """One value of the generated config that differs from the base."""

    key: str
    """Dotted."""
    value: Any
    reason: str
    """Short; shown beside the value in the dry run."""
    adds: bool = False
    """True for a key that the base does not have and that we add on purpose."""
    by_user: bool = False
    free: bool = False
    """True for a key that a user or a preset names: its type and its meaning are checked."""


def frozen_parts(settings: TeacherSettings) -> tuple[str, ...]:
    """Return the names of the model's parts that never change, in a fixed order."""
    named: set[str] = set(settings.freeze)
    if settings.tune == "frozen":
        named |= set(FROZEN_PARTS)
    elif settings.tune == "lora":
        # A part with adapters inside computes with gradients and dropout; its own weights are
        # frozen by the injection.
        named |= {part for part in FROZEN_PARTS if not _is_target(part, settings.lora_targets)}
    return tuple(part for part in (*FROZEN_PARTS, "neck", "encoder", "decoder") if part in named)


def joining_parts(settings: TeacherSettings) -> tuple[str, ...]:
    """Return the parts that are frozen until `unfreeze_at`."""
    if settings.unfreeze_at is None or settings.tune != "full":
        return ()
    return tuple(part for part in JOINING_PARTS if part not in settings.freeze)


def _is_target(part: str, targets: Sequence[str]) -> bool:
    return any(target == part or target.startswith(f"{part}.") for target in targets)


def random_frozen_parts(settings: TeacherSettings) -> tuple[str, ...]:
    """Return the frozen parts that no checkpoint fills: they would keep random values.

    The language model is not among them: without base weights its folder must have its own.
    """
    if settings.weights != "none":
        return ()
    if settings.tune == "lora":
        return ("backbone", "neck", "encoder", "decoder")
    return tuple(part for part in frozen_parts(settings) if part != "language_model")


def model_overrides(
    class_names: Sequence[str],
    prompt: PromptInfo,
    settings: TeacherSettings,
    reasons: Mapping[str, str],
) -> Iterator[Override]:
    """Yield the overrides that make the base config's model this data set's detector."""
    weights = None if settings.weights == "none" else settings.weights
    for key, value in settings.architecture.items():
        adds = key in ADDED_BY_PRESETS
        yield Override(key, value, ARCHITECTURE, adds=adds, free=True)
    yield Override("model.type", "TeacherGroundingDINO", "freezes exactly, keeps loaded weights")
    yield Override(
        "model.frozen_modules", list(frozen_parts(settings)), f"--tune {settings.tune}", adds=True
    )
    if joining := joining_parts(settings):
        at = settings.unfreeze_at
        when = "the first fall of the rate" if at == "plateau" else f"epoch {at}"
        yield Override(
            "model.joining_modules", list(joining), f"trained after {when} (FT-FSOD)", adds=True
        )
    yield Override(
        "model.base_checkpoint",
        weights,
        "loaded before freezing, every tensor accounted for",
        adds=True,
    )
    if settings.tune == "lora":
        yield Override("model.lora", _lora(settings), "adapters, injected by PEFT", adds=True)
    yield _exchanged(settings)
    yield Override("load_from", None, "the model loads its own base checkpoint")
    yield Override(
        "model.language_model.type", "ConfiguredBertModel", "built from its config, never online"
    )
    yield Override("model.language_model.name", settings.language_model, "config and vocabulary")
    fixed = settings.tune == "lora" or "language_model" in frozen_parts(settings)
    yield _language_model_weights(weights, fixed)
    yield Override(
        "model.backbone.init_cfg", None, "no second download: the base has it", adds=True
    )
    yield Override("model.backbone.with_cp", False, "only the encoder is recomputed, if anything")
    yield Override("model.encoder.num_cp", 0, "no fairscale needed")
    yield Override(
        "model.bbox_head.num_classes",
        PRETRAINED_NUM_CLASSES,
        "rows of the pretrained denoising labels, not the number of classes",
    )
    yield Override("model.test_cfg.max_per_img", settings.max_per_img, reasons["max_per_img"])
    if DENOISING_KEY not in settings.architecture:
        yield Override(DENOISING_KEY, settings.denoising_queries, reasons["denoising_queries"])
    if not prompt.fits:
        yield Override(
            "model.test_cfg.chunked_size",
            classes_per_prompt(class_names, prompt.class_tokens, prompt.limit),
            f"classes scored in one prompt: all {len(class_names)} need {prompt.tokens} "
            f"tokens, the model reads {prompt.limit}",
            adds=True,
        )


def _exchanged(settings: TeacherSettings) -> Override:
    names = REWRITES if settings.accelerated else ()
    if settings.accelerated and settings.tune == "lora":
        names = (*names, LORA_PRODUCT)
    reason = "replaced by faster equivalents" if names else "MMDetection's own modules"
    return Override("model.accelerated", list(names), reason, adds=True)


def _lora(settings: TeacherSettings) -> dict[str, Any]:
    return {
        "rank": settings.lora_rank,
        "alpha": settings.lora_alpha,
        "dropout": settings.lora_dropout,
        "dora": settings.lora_dora,
        "rslora": settings.lora_rslora,
        "targets": list(settings.lora_targets),
    }


def _language_model_weights(weights: str | None, frozen_language_model: bool) -> Override:
    key = "model.language_model.own_weights"
    if weights:
        return Override(key, "never", "BERT's weights come with the base checkpoint", adds=True)
    if frozen_language_model:
        return Override(key, "required", "no base checkpoint: BERT's own weights", adds=True)
    return Override(key, "if_present", "no base checkpoint, and BERT is trained", adds=True)
