"""What changes in the course of a run, and whether this data set lets it happen."""

from __future__ import annotations

from train_teacher.config.schedule import Schedule
from train_teacher.core.errors import UsageError
from train_teacher.inspection.facts import DatasetInfo
from train_teacher.settings.schema import TeacherSettings


def refuse_what_cannot_happen(
    info: DatasetInfo, settings: TeacherSettings, schedule: Schedule
) -> None:
    """Refuse a plateau that nothing would show.

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
