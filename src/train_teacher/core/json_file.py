"""JSON files: any damage is the same kind of error."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import msgspec

from train_teacher.core.errors import UserError

Content = TypeVar("Content")


def read_json(path: Path, kind: type[Content]) -> Content:
    """Return the content of a file.

    Raises:
        OSError: it cannot be read.
        msgspec.DecodeError: it is not JSON, or of another type.
    """
    return decode_json(path.read_bytes(), kind)


def decode_json(text: bytes, kind: type[Content]) -> Content:
    """Return the decoded text; invalid UTF-8 and too deep nesting are damage too.

    Raises:
        msgspec.DecodeError: it is not JSON, or of another type.
    """
    try:
        return msgspec.json.decode(text, type=kind)
    except (UnicodeError, RecursionError) as error:
        raise msgspec.DecodeError(str(error)) from error


def refuse_later_format(text: bytes, place: str, known: int) -> None:
    """Refuse a file of a later version before its unknown members look like damage.

    Args:
        text: of the file; damage is left to whoever reads it.
        place: of the file, for the message.
        known: the latest format that can be read; a file without one is of 1.

    Raises:
        UserError: the format is later.
    """
    with suppress(msgspec.DecodeError):
        written = decode_json(text, _Format).format
        if written > known:
            raise UserError(f"{place}: format {written} is newer than this train-teacher: update.")


class _Format(msgspec.Struct):
    format: int = 1
