"""What this machine lacks for a run that is planned: a dry run says it and goes on."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from train_teacher.core.errors import UserError
from train_teacher.engine import machine
from train_teacher.settings.schema import TeacherSettings
from train_teacher.weights.missing import missing_files


def obstacles(settings: TeacherSettings) -> tuple[str, ...]:
    """Return for what reasons the run would stop here.

    Raises:
        UserError: weights that were named as a file are missing, so that it can never start.
    """
    return tuple(_obstacles(settings))


def _obstacles(settings: TeacherSettings) -> Iterator[str]:
    try:
        machine.resolve_device(settings.device, settings.precision)
        machine.require_gpus(settings.device, settings.gpus)
    except UserError as error:
        yield str(error)
    if missing := missing_files(settings):
        yield (
            f"without a network: {' and '.join(map(str, missing))} "
            f"{'is' if len(missing) == 1 else 'are'} not at hand. To fetch before, also on "
            f"another machine: teacher fetch {shlex.quote(settings.model)} --to DIR"
        )
