"""Further members of image records, such as the video, read only when a split needs them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from train_teacher.coco.dataset import CocoDataset
from train_teacher.coco.large_file import open_large_file
from train_teacher.coco.text import read_top_level

SAMPLE = 200


@dataclass(frozen=True)
class ImageFields:
    """Members of M image records."""

    values: dict[str, list[Any]]
    """By member, (M,) what the record has, None where it has none."""
    known: tuple[str, ...]
    """Members of the first records, in the order of the file."""


def read_image_fields(dataset: CocoDataset, names: Sequence[str]) -> ImageFields:
    """Read some members of all image records.

    The file is read again, without its annotations where it is large: keeping every record for the
    few files that have such members would cost all others memory.

    Args:
        dataset: as read from its file.
        names: the members; those that a sample of the records does not have are left out unless
            there is one name only.
    """
    records = _image_records(dataset)
    step = max(1, len(records) // SAMPLE)
    known = tuple(dict.fromkeys(key for record in records[::step] for key in _members(record)))
    wanted = [name for name in names if name in known or len(names) == 1]
    if not wanted:
        return ImageFields({}, known)
    rows = _decode(records, wanted)
    kept = [rows[image.index] for image in dataset.images]
    return ImageFields(
        {name: [row[place] for row in kept] for place, name in enumerate(wanted)}, known
    )


def _image_records(dataset: CocoDataset) -> list[Any]:
    large = open_large_file(dataset.path) if dataset.encoding is None else None
    if large is not None:
        return large.top.images
    return read_top_level(dataset.path, dataset.encoding).images


def _members(record: Any) -> dict[str, Any]:
    if isinstance(record, msgspec.Raw):
        try:
            record = msgspec.json.decode(record)
        except msgspec.DecodeError:
            return {}
    return record if isinstance(record, dict) else {}


def _decode(records: Sequence[Any], names: Sequence[str]) -> list[tuple[Any, ...]]:
    """Return the members of every record, all decoded in one call where that is possible."""
    fields = [(f"member_{place}", Any, None) for place in range(len(names))]
    rename = {f"member_{place}": name for place, name in enumerate(names)}
    entry = msgspec.defstruct("Entry", fields, rename=rename, gc=False)
    try:
        decoded = msgspec.json.decode(b"[" + b",".join(records) + b"]", type=list[entry])  # type: ignore[valid-type]  # a type that is known at run time only
        return [msgspec.structs.astuple(one) for one in decoded]
    except (TypeError, msgspec.DecodeError, UnicodeError):
        found = [_members(record) for record in records]
        return [tuple(one.get(name) for name in names) for one in found]
