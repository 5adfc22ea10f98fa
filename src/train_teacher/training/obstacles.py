"""What this machine lacks for a run that is planned: a dry run says it and goes on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from train_teacher.console.follow_up import command_line
from train_teacher.core.errors import UserError
from train_teacher.engine import machine
from train_teacher.settings.schema import TeacherSettings
from train_teacher.weights.missing import Missing


def download_line(missing: Sequence[Missing]) -> str:
    """Return what would be downloaded before the run, and how much it is; empty for nothing."""
    return f"download  {' and '.join(map(str, missing))}" if missing else ""


def obstacles(settings: TeacherSettings, missing: Sequence[Missing]) -> tuple[str, ...]:
    """Return for what reasons the run would stop here.

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
            "without a network, for what is to be downloaded. To fetch it before, also on another "
            f"machine: {command_line('teacher fetch', settings.model, to='DIR')}"
        )
