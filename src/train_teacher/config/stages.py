"""Changes in the course of a run, refused where this data set cannot bring them about."""

from __future__ import annotations

from typing import Any

from train_teacher.config.model import joining_parts
from train_teacher.config.schedule import Schedule
from train_teacher.core.errors import UsageError
from train_teacher.core.words import plural
from train_teacher.inspection.facts import DatasetInfo
from train_teacher.settings.recipes import has_plateau
from train_teacher.settings.schema import TeacherSettings


def refuse_what_cannot_happen(
    info: DatasetInfo, settings: TeacherSettings, schedule: Schedule
) -> None:
    """Refuse a plateau that nothing would show, and parts that would never join the training.

    Raises:
        UsageError: with what it is, and the way out.
    """
    val = next((split for split in info.splits if split.name == "val"), None)
    if settings.schedule == "plateau" and not (val and val.num_boxes):
        raise UsageError(
            "schedule: plateau halves the learning rate when the score of the validation rises no "
            "more, and without boxes to validate on it never would rise. Give --val with boxes, or "
            "another schedule."
        )
    at = settings.unfreeze_at
    if not joining_parts(settings):
        return
    if at == "plateau":
        if settings.schedule == "plateau" and not schedule.plateau_can_fall:
            raise UsageError(
                f"unfreeze_at: plateau: the learning rate of a run with "
                f"{plural(schedule.validations, 'validation')} cannot fall before its end, and "
                "backbone and encoder would never be trained. Give more --epochs, a smaller "
                "val_interval, or the epoch after which they join."
            )
    elif at is not None and at >= schedule.epochs:
        raise UsageError(
            f"unfreeze_at: {at}: the run has {plural(schedule.epochs, 'epoch')}, and backbone and "
            "encoder would never be trained. Give an earlier one, or more --epochs."
        )


def stages_hook(settings: TeacherSettings) -> list[dict[str, Any]]:
    """Return the hook for what changes between epochs, as a list; empty where nothing does."""
    if not has_plateau(settings.schedule) and not joining_parts(settings):
        return []
    return [{"type": "StagesHook", "unfreeze_at": settings.unfreeze_at}]
