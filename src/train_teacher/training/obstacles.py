"""What this machine lacks for a run that is planned: a dry run says it and goes on."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from train_teacher.core.errors import UserError
from train_teacher.engine import machine
from train_teacher.prompts.tokenizer import resolve_language_model
from train_teacher.settings.schema import TeacherSettings
from train_teacher.weights.files import address_to_fetch


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
    address = address_to_fetch(settings.weights, settings.checkpoint)
    if address:
        host = urlsplit(address).hostname
        yield f"without a network: the weights are not at hand and would come from {host}"
    try:
        resolve_language_model(settings.language_model)
    except UserError:
        yield (
            f"without a network: the vocabulary of {settings.language_model} is not at hand. "
            "Both can be fetched before, also on another machine: teacher fetch --help"
        )
