"""The fast way from text to columns: a block of annotations without anything unusual in it.

simdjson parses without building Python objects, so polygons go from the text into one array of
numbers and nothing is created or freed for each of them; that halves the cost of a record. What
this reader does not take (a mistake, a missing box, keys that differ between records) is left to
the exact one, which knows how to tell it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from train_teacher.adapters.mask_measures import PackedPolygons, RunLengths
from train_teacher.domain.coco import RecordId

BOX_NUMBERS = 4
_BYTES = 8
_ID_KEYS = ("id", "image_id", "category_id")
_KEYS = (*_ID_KEYS, "bbox", "area", "iscrowd", "ignore", "segmentation")
_ID_TYPES: frozenset[type] = frozenset({int, str, type(None)})
_AREA_TYPES: frozenset[type] = frozenset({int, float, type(None)})
_MARK_TYPES: frozenset[type] = frozenset({int, float, bool, type(None)})


class _UnusualError(Exception):
    """The block has to be read by the exact reader."""


@dataclass
class ParsedBlock:
    """What a block of N records says, before ids are looked up and masks are measured."""

    ids: Sequence[RecordId | None] = ()
    image_ids: Sequence[RecordId | None] = ()
    category_ids: Sequence[RecordId | None] = ()
    areas: Sequence[float | None] = ()
    crowds: Sequence[float | None] = ()
    ignores: Sequence[float | None] = ()
    bbox: npt.NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 4)))
    """(N, 4) xywh, pixels."""
    polygons: PackedPolygons = field(default_factory=PackedPolygons)
    run_lengths: Sequence[tuple[int, RunLengths]] = ()
    """Row and mask."""


def parse_block(text: bytes) -> ParsedBlock | None:
    """Return what a JSON list of annotations says, or None where the exact reader is needed.

    Args:
        text: the list, brackets included.
    """
    import simdjson

    try:
        return _Columns(simdjson.Array).read(simdjson.Parser().parse(text), text.count(b"["))
    except (_UnusualError, AttributeError, KeyError, TypeError, ValueError, RuntimeError):
        # Text that is not JSON for simdjson, and whatever comes of a value of another type.
        return None


class _Columns:
    """Collects the values of the records of one block."""

    def __init__(self, array_type: Any) -> None:
        self._array_type = array_type
        self._counts: list[int] = []
        self._lengths: list[int] = []
        self._numbers: list[memoryview] = []
        self._run_lengths: list[tuple[int, RunLengths]] = []
        self._lists = 0

    def read(self, records: Any, brackets: int) -> ParsedBlock:
        if type(records) is not self._array_type or not len(records):
            raise _UnusualError
        keys = list(records[0].keys())
        present = [key for key in _KEYS if key in keys]
        if "bbox" not in present or len(set(keys)) != len(keys):
            raise _UnusualError
        plain = [key for key in present if key not in ("bbox", "segmentation")]
        foreign = len(keys) > len(present)
        masked = "segmentation" in present
        boxes: list[Any] = []
        rows: list[list[Any]] = []
        for record in records:
            # As many keys and every known one among them: none is there twice. With keys that
            # we do not know, only the same keys in the same order say so.
            if len(record) != len(keys) or (foreign and list(record.keys()) != keys):
                raise _UnusualError
            rows.append([record[key] for key in plain])
            box = record["bbox"]
            if len(box) != BOX_NUMBERS:
                raise _UnusualError
            boxes.append(box.as_buffer(of_type="d"))
            if masked:
                self._add_mask(record["segmentation"])
        # Where every bracket of the text is one of these lists, no number is in a list of its own.
        if brackets != 1 + len(boxes) + self._lists:
            self._require_flat(records, masked=masked)
        return self._parsed(dict(zip(plain, zip(*rows, strict=True), strict=True)), boxes, masked)

    def _require_flat(self, records: Any, *, masked: bool) -> None:
        """Look for lists among the numbers: simdjson reads [1, 2, [3], 4] as four of them."""
        for record in records:
            lists: list[Any] = [record["bbox"]]
            mask: Any = record["segmentation"] if masked else None
            if type(mask) is self._array_type:
                lists += mask
            if any(type(number) is self._array_type for part in lists for number in part):
                raise _UnusualError

    def _add_mask(self, mask: Any) -> None:
        if type(mask) is self._array_type:
            numbers = memoryview(mask.as_buffer(of_type="d"))
            lengths = [len(polygon) for polygon in mask]
            # Deeper lists are flattened by simdjson; the lengths give them away.
            if sum(lengths) * _BYTES != numbers.nbytes:
                raise _UnusualError
            self._lists += 1 + len(lengths)
            self._counts.append(len(lengths))
            self._lengths += lengths
            self._numbers.append(numbers)
            return
        if mask is not None:
            self._add_run_lengths(mask)
        self._counts.append(0)

    def _add_run_lengths(self, mask: Any) -> None:
        if isinstance(mask, str | int | float) or not len(mask):
            raise _UnusualError
        try:
            found = msgspec.convert(mask.as_dict(), RunLengths)
        except (msgspec.ValidationError, OverflowError):
            raise _UnusualError from None
        self._lists += 1 + isinstance(found.counts, list)
        self._run_lengths.append((len(self._counts), found))

    def _parsed(
        self, values: dict[str, tuple[Any, ...]], boxes: list[Any], masked: bool
    ) -> ParsedBlock:
        absent = (None,) * len(boxes)
        columns = {key: values.get(key, absent) for key in _KEYS}
        _require(values, _ID_KEYS, _ID_TYPES)
        _require(values, ("area",), _AREA_TYPES)
        _require(values, ("iscrowd", "ignore"), _MARK_TYPES)
        bbox = np.frombuffer(b"".join(boxes), np.float64)
        if len(bbox) != BOX_NUMBERS * len(boxes):
            raise _UnusualError
        counts = np.array(self._counts, np.int64) if masked else np.zeros(len(boxes), np.int64)
        return ParsedBlock(
            ids=columns["id"],
            image_ids=columns["image_id"],
            category_ids=columns["category_id"],
            areas=columns["area"],
            crowds=columns["iscrowd"],
            ignores=columns["ignore"],
            bbox=bbox.reshape(-1, BOX_NUMBERS),
            polygons=PackedPolygons(
                np.frombuffer(b"".join(self._numbers), np.float64),
                np.array(self._lengths, np.int64),
                np.repeat(np.arange(len(boxes)), counts),
            ),
            run_lengths=self._run_lengths,
        )


def _require(
    values: dict[str, tuple[Any, ...]], keys: Sequence[str], types: frozenset[type]
) -> None:
    if not set(map(type, chain.from_iterable(values.get(key, ()) for key in keys))) <= types:
        raise _UnusualError
