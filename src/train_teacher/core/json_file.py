"""JSON files: any damage is the same kind of error."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import msgspec

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
