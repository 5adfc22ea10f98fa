"""Optimizer and schedule in the terms of MMEngine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from train_teacher.config.data_driven import MIN_DELTA
from train_teacher.config.model import FROZEN_PARTS, GIVEN, Override, frozen_parts
from train_teacher.config.schedule import PLATEAU_COOLDOWN, PLATEAU_PATIENCE, Schedule
from train_teacher.core.words import plural
from train_teacher.scores.metric_names import METRIC
from train_teacher.settings.schema import TeacherSettings

# Cosine ends at one percent of the peak: training.md, section 9.
COSINE_FLOOR = 0.01
# FT-FSOD (CVPR 2026), its final configs.
PLATEAU_FACTOR = 0.5
PLATEAU_FLOOR = 1e-6
NEVER = 10**9
WARMUP_START = 0.1
AMP_DTYPES = {"bf16": "bfloat16", "fp16": "float16"}


def optimization_overrides(
    settings: TeacherSettings, schedule: Schedule, *, by_user: bool
) -> Iterator[Override]:
    """Yield optimizer, schedule and length of training; `by_user`: whether the length was given."""
    optimizer = build_optimizer(settings.optimizer, schedule.lr, settings.weight_decay)
    wrapper: dict[str, Any] = {
        "type": "OptimWrapper",
        "constructor": "MergedGroupsConstructor"
        if settings.accelerated
        else "DefaultOptimWrapperConstructor",
        "optimizer": optimizer,
        "clip_grad": {"max_norm": settings.clip_grad, "norm_type": 2},
        "paramwise_cfg": {"custom_keys": _custom_keys(settings)},
    }
    if schedule.accumulation > 1:
        wrapper["accumulative_counts"] = schedule.accumulation
    if settings.precision in AMP_DTYPES:
        wrapper |= {"type": "AmpOptimWrapper", "dtype": AMP_DTYPES[settings.precision]}
        if settings.precision == "bf16":
            wrapper["loss_scale"] = {"enabled": False}
    yield Override("optim_wrapper", wrapper, f"no group for frozen parts, {_kinds(settings)}")
    yield Override(
        "optim_wrapper.optimizer.lr",
        schedule.lr,
        GIVEN if settings.lr else "1e-4 at batch 32, square-root rule",
        by_user=settings.lr is not None,
    )
    yield Override("param_scheduler", *build_param_scheduler(settings.schedule, schedule))
    yield Override(
        "train_cfg",
        {
            "type": "TeacherTrainLoop",
            "max_epochs": schedule.epochs,
            "val_interval": schedule.val_interval,
        },
        f"{plural(schedule.epochs, 'pass', 'passes')} over the images, {schedule.steps} steps in "
        f"all; {plural(schedule.validations, 'validation')}",
        by_user=by_user,
    )
    yield Override(
        "auto_scale_lr",
        {"enable": False, "base_batch_size": settings.batch_size},
        "the rate already fits the batch",
    )


def _kinds(settings: TeacherSettings) -> str:
    factor = settings.language_model_lr_factor
    own = "" if factor is None or settings.tune != "full" else f"; BERT's rate is {factor:g} of it"
    return f"one for each kind{own}"


def _custom_keys(settings: TeacherSettings) -> dict[str, Any]:
    keys: dict[str, Any] = {"absolute_pos_embed": {"decay_mult": 0.0}}
    if settings.tune == "lora":
        # Matches lora_A, lora_B and lora_magnitude_vector. Weight decay would pull the product of
        # the two factors to zero, that is to the base.
        keys[".lora_"] = {"lr_mult": settings.lora_lr_factor, "decay_mult": 0.0}
        return keys
    frozen = frozen_parts(settings)
    # `backbone` is also part of `language_model.language_backbone`; mmengine lets the longest
    # matching key win, and a frozen language model has no parameter in the optimizer.
    factors = {
        "backbone": settings.backbone_lr_factor,
        "language_model": settings.language_model_lr_factor
        if settings.language_model_lr_factor is not None
        else settings.backbone_lr_factor,
    }
    for part in FROZEN_PARTS:
        if part not in frozen:
            keys[part] = {"lr_mult": factors[part]}
    if settings.plain:
        # As the recipe freezes: a part keeps its weights because its rate is 0.
        keys |= {part: {"lr_mult": 0.0} for part in frozen}
    return keys


def build_optimizer(optimizer: Mapping[str, Any], lr: float, weight_decay: float) -> dict[str, Any]:
    """Return the optimizer's config, with the peak learning rate."""
    arguments = {key: value for key, value in optimizer.items() if key != "type"}
    if "betas" in arguments:
        arguments["betas"] = tuple(arguments["betas"])
    return {
        "type": optimizer.get("type", "AdamW"),
        "lr": lr,
        "weight_decay": weight_decay,
        **arguments,
    }


def build_param_scheduler(
    setting: str | Sequence[Mapping[str, Any]], schedule: Schedule
) -> tuple[list[dict[str, Any]], str]:
    """Return MMEngine's `param_scheduler` and its reason; a list in its terms stays as it is."""
    if not isinstance(setting, str):
        return [dict(entry) for entry in setting], "set by you, in MMEngine's own terms"
    warmup = _warmup(schedule)
    start = f"warm-up {schedule.warmup_steps} of {schedule.steps} steps"
    if not warmup:
        start = f"{schedule.steps} steps, too few for a warm-up"
    if setting == "constant":
        # A factor of 1 changes nothing; with no scheduler at all MMEngine would warn.
        flat = {"type": "ConstantLR", "factor": 1.0, "by_epoch": True}
        return [*warmup, {**flat, "begin": 0, "end": schedule.epochs}], f"{start}, then constant"
    if setting == "cosine":
        return [*warmup, _cosine(schedule)], f"{start}, then a cosine down to 1 % of the rate"
    if setting == "plateau":
        return [*warmup, _plateau(schedule)], f"{start}, {_falls(schedule)}"
    decay = {
        "type": "MultiStepLR",
        "begin": 0,
        "end": schedule.epochs,
        "by_epoch": True,
        "milestones": list(schedule.decay_epochs),
        "gamma": 0.1,
    }
    if not schedule.decay_epochs:
        return [*warmup, decay], f"{start}, then constant: too few epochs for a drop"
    return [*warmup, decay], f"{start}, a tenth of the rate after epoch {schedule.decay_epochs[0]}"


def _warmup(schedule: Schedule) -> list[dict[str, Any]]:
    if not schedule.warmup_steps:
        return []
    return [
        {
            "type": "LinearLR",
            "start_factor": WARMUP_START,
            "by_epoch": False,
            "begin": 0,
            "end": schedule.warmup_iterations,
        }
    ]


def _cosine(schedule: Schedule) -> dict[str, Any]:
    """Return a cosine in optimizer steps: in epochs a short run would fall in a few jumps.

    It begins where the warm-up ends. MMEngine multiplies schedulers that overlap.
    """
    return {
        "type": "CosineAnnealingLR",
        "by_epoch": False,
        "begin": schedule.warmup_iterations,
        "end": schedule.iterations,
        "T_max": schedule.iterations - schedule.warmup_iterations,
        "eta_min_ratio": COSINE_FLOOR,
    }


def _plateau(schedule: Schedule) -> dict[str, Any]:
    """Return FT-FSOD's plateau, in which a gain is what early stopping calls one.

    It multiplies the rate that is there, so the warm-up before it does not change what it does. It
    begins after the validation of the base, which is not always made, and has no end: MMEngine
    would keep that of a run which is then trained for longer.
    """
    return {
        "type": "ReduceOnPlateauLR",
        "by_epoch": True,
        "begin": schedule.plateau_begin,
        "end": NEVER,
        "monitor": METRIC,
        "rule": "greater",
        "factor": PLATEAU_FACTOR,
        "patience": PLATEAU_PATIENCE,
        "cooldown": PLATEAU_COOLDOWN,
        "threshold": MIN_DELTA,
        "threshold_rule": "abs",
        "min_value": PLATEAU_FLOOR,
    }


def _falls(schedule: Schedule) -> str:
    if not schedule.plateau_can_fall:
        return f"then constant: {plural(schedule.validations, 'validation')} show no plateau"
    return (
        f"half the rate when mAP gains no {MIN_DELTA} in {PLATEAU_PATIENCE + 1} validations "
        "(FT-FSOD)"
    )
