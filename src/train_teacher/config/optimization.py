"""Optimizer and schedule in the terms of MMEngine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from train_teacher.config.schedule import Schedule

# Cosine ends at one percent of the peak: training.md, section 9.
COSINE_FLOOR = 0.01


WARMUP_START = 0.1


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
