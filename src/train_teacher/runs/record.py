"""Record of a run's start, in a file not meant for editing: edits of the others are noticed."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from train_teacher.core.atomic_file import write_atomically
from train_teacher.core.errors import UserError
from train_teacher.core.json_file import read_json
from train_teacher.runs.folder import RunFolder
from train_teacher.settings.schema import TeacherSettings


class RunRecord(msgspec.Struct, frozen=True):
    """The content of `data/started_with.json`."""

    settings: dict[str, Any]
    """Resolved, as `plain_settings` returns them."""
    config_sha256: str
    """Of mmdet_config.py as it was written."""


def plain_settings(settings: TeacherSettings) -> dict[str, Any]:
    """Return settings as plain JSON values, so that two can be compared."""
    plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(settings))
    return plain


def write_record(folder: RunFolder, settings: TeacherSettings, config_text: str) -> None:
    """Record the settings and config of the run."""
    record = RunRecord(plain_settings(settings), _digest(config_text.encode()))
    write_atomically(folder.record, msgspec.json.format(msgspec.json.encode(record)) + b"\n")


def read_record(folder: RunFolder) -> RunRecord | None:
    """Return the record of a run, None for one of a version that kept none.

    Raises:
        UserError: it is damaged.
    """
    try:
        return read_json(folder.record, RunRecord)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as error:
        raise UserError(
            f"--resume: {folder.record} cannot be read: {error}. Without it the settings of "
            "the run are unknown. If settings.yaml is unchanged since the start, remove that file."
        ) from error


def config_was_edited(folder: RunFolder, record: RunRecord) -> bool:
    """Return whether mmdet_config.py is another text than was written."""
    return folder.config.is_file() and _digest(folder.config.read_bytes()) != record.config_sha256


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
