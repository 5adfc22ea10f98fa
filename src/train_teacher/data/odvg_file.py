"""Writing the training files for classes that do not fit into one prompt."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from train_teacher.core.atomic_file import write_atomically
from train_teacher.data.odvg import LABEL_MAP_FILE, TRAIN_FILE, label_map, odvg_records


def write_odvg(folder: Path, content: Mapping[str, Any]) -> tuple[Path, Path]:
    """Write a canonical copy as ODVG lines and its classes as a label map.

    Args:
        folder: an existing folder.
        content: a canonical copy (`canonical_split`).

    Returns:
        The two files.

    Raises:
        UserError: the folder cannot be written.
    """
    lines, labels = folder / TRAIN_FILE, folder / LABEL_MAP_FILE
    write_atomically(lines, _encoded(content))
    names = [category["name"] for category in content["categories"]]
    write_atomically(labels, msgspec.json.format(msgspec.json.encode(label_map(names)), indent=2))
    return lines, labels


def _encoded(content: Mapping[str, Any]) -> Iterator[bytes]:
    encoder = msgspec.json.Encoder()
    for record in odvg_records(content):
        yield encoder.encode(record) + b"\n"
