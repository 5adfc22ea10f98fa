"""Obstacles on this machine to a planned run: a dry run reports them and continues."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from train_teacher.console.follow_up import command_line
from train_teacher.core.errors import UserError
from train_teacher.engine import machine
from train_teacher.settings.schema import TeacherSettings
from train_teacher.weights.missing import Missing


def download_line(missing: Sequence[Missing]) -> str:
    """Return the names and sizes of downloads before the run; empty for none."""
    return f"download  {' and '.join(map(str, missing))}" if missing else ""


def obstacles(settings: TeacherSettings, missing: Sequence[Missing]) -> tuple[str, ...]:
    """Return the reasons why the run would stop on this machine.

    Args:
        settings: as given.
        missing: what would be downloaded.
    """
    return tuple(_obstacles(settings, missing))


def _obstacles(settings: TeacherSettings, missing: Sequence[Missing]) -> Iterator[str]:
    try:
        machine.resolve_device(settings.device, settings.precision)
        machine.require_gpus(settings.device, settings.gpus)
    except UserError as error:
        yield str(error)
    if missing:
        yield (
            "if there is no network, because files must be downloaded. To fetch them first, also "
            f"on another machine: {command_line('teacher fetch', settings.model, to='DIR')}"
        )
