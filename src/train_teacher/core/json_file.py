"""Reading a JSON file whose damage is one kind of error."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import msgspec

Content = TypeVar("Content")


def read_json(path: Path, kind: type[Content]) -> Content:
    """Return the content of a file.

    Raises:
        OSError: it cannot be read.
        msgspec.DecodeError: it is no JSON, or says something else.
    """
    return decode_json(path.read_bytes(), kind)


def decode_json(text: bytes, kind: type[Content]) -> Content:
    """Return what a text says; what is no UTF-8, or nested too deep, is damage too.

    Raises:
        msgspec.DecodeError: it is no JSON, or says something else.
    """
    try:
        return msgspec.json.decode(text, type=kind)
    except (UnicodeError, RecursionError) as error:
        raise msgspec.DecodeError(str(error)) from error
