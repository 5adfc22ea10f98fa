"""Parallel reading of the annotations of a large file, without holding them.

The file is mapped, the list of annotations is cut into blocks between two records, and processes
turn blocks into columns. A cut is right exactly when the text on both sides of it is a list in
JSON; where that fails, or the file is laid out in an unusual way, the ordinary reader takes over.
"""

from __future__ import annotations

import mmap
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

import msgspec
import numpy as np

from train_teacher.coco.annotation_columns import AnnotationBlock, join_blocks, read_text_block
from train_teacher.coco.forked_work import shared_tasks
from train_teacher.coco.text import TopLevel
from train_teacher.core.cores import usable_cores

MAPPED_BYTES = 2 * 2**20
"""Below it, finding where the annotations stand costs more than it gains."""
LARGE_BYTES = 6 * 2**20
"""Below it, starting processes costs more than it gains."""
TASK_BYTES = 8 * 2**20
"""Bytes that a process reads at once; less where a process would have too few tasks to even out."""
_LEAST_TASKS = 16
BLOCK_BYTES = 2 * 2**20
"""Bytes read at once: its arrays still fit in the cache, and numpy is not called too often."""
_WINDOW = 2**20
_MOST_TRIES = 24
_OPENING = re.compile(rb'"annotations"\s*:\s*\[\s*(?=\{)')
_RECORD_GAP = rb"\}(\s*,\s*)(?=%s)"
_FIRST_KEY = re.compile(rb'\{\s*"[^"\\]{1,40}"')
_CLOSING = re.compile(
    rb'\}\s*(\]\s*(?:\}\s*$|,\s*"(?:images|categories|info|licenses|type|contributor)"\s*:))'
)
Span = tuple[int, int]


class _Sections(msgspec.Struct):
    images: list[msgspec.Raw]
    annotations: list[msgspec.Raw]
    categories: list[msgspec.Raw]
    info: Any = None
    licenses: Any = None


@dataclass(frozen=True)
class LargeFile:
    """A file whose annotations were located but not read."""

    mapped: mmap.mmap
    top: TopLevel
    """Everything but the annotations."""
    spans: tuple[Span, ...]
    """Byte ranges, each a run of whole records without brackets."""


def open_large_file(path: Path) -> LargeFile | None:
    """Locate the annotations of a large file; None when the ordinary reader must take it."""
    try:
        if path.stat().st_size < MAPPED_BYTES:
            return None
        with path.open("rb") as file:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError):
        return None
    opening = _OPENING.search(mapped)
    if opening is None:
        return None
    found = _without_annotations(mapped, opening.end())
    if found is None:
        return None
    top, end = found
    span = opening.end(), end
    size = max(min(TASK_BYTES, (end - span[0]) // _LEAST_TASKS), BLOCK_BYTES)
    return LargeFile(mapped, top, tuple(_cut(mapped, span, size)))


def _without_annotations(mapped: mmap.mmap, start: int) -> tuple[TopLevel, int] | None:
    """Return the rest of the file and the end of the list: the one place that leaves valid JSON."""
    window = _WINDOW
    while True:
        begin = max(start, len(mapped) - window)
        tail = mapped[begin:]
        for number, closing in enumerate(_CLOSING.finditer(tail)):
            if number >= _MOST_TRIES:
                return None
            top = _decode(mapped[:start] + tail[closing.start(1) :])
            if top is not None and not top.annotations:
                return top, begin + closing.start(1)
        if begin == start:
            return None
        window *= 8


def _decode(text: bytes) -> TopLevel | None:
    try:
        if not text.isascii():
            text.decode("utf-8")
        sections = msgspec.json.decode(text, type=_Sections)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return TopLevel(
        images=sections.images,
        annotations=sections.annotations,
        categories=sections.categories,
        info=sections.info if isinstance(sections.info, dict) else {},
        licenses=tuple(sections.licenses) if isinstance(sections.licenses, list) else (),
        note=None,
    )


def _cut(mapped: mmap.mmap, span: Span, size: int) -> Iterator[Span]:
    """Yield runs of whole records of about `size` bytes."""
    start, end = span
    first = _FIRST_KEY.match(mapped, start, min(end, start + 256))
    gap = re.compile(_RECORD_GAP % (re.escape(first.group()) if first else rb"\{"))
    while start < end:
        cut = gap.search(mapped, start + size, end) if end - start > size else None
        yield start, cut.start(1) if cut else end
        start = cut.end(1) if cut else end


@contextmanager
def reading_blocks(large: LargeFile) -> Iterator[Iterator[AnnotationBlock]]:
    """Read the blocks, of a large file in other processes while the caller does other work.

    Yields:
        The columns of every block, in order. Taking one raises msgspec.DecodeError when the list
        is not what it looked like: then the file must be read as a whole.
    """

    def read(number: int) -> AnnotationBlock:
        return _read_span(large.mapped, large.spans[number])

    forks = min(usable_cores(), len(large.spans))
    if forks == 1 or len(large.mapped) < LARGE_BYTES or sys.platform != "linux":
        yield map(read, range(len(large.spans)))
        return
    with shared_tasks(read, len(large.spans), forks) as blocks:
        yield blocks


def _read_span(mapped: mmap.mmap, span: Span) -> AnnotationBlock:
    with np.errstate(all="ignore"):
        return join_blocks([_read_text(mapped, p) for p in _cut(mapped, span, BLOCK_BYTES)])


def _read_text(mapped: mmap.mmap, span: Span) -> AnnotationBlock:
    text = _list_of(mapped, span)
    if not text.isascii():
        _require_utf8(text)
    return read_text_block(text)


def _list_of(mapped: mmap.mmap, span: Span) -> bytes:
    with memoryview(mapped) as view:
        return b"".join((b"[", view[span[0] : span[1]], b"]"))


def _require_utf8(text: bytes) -> None:
    try:
        text.decode("utf-8")
    except UnicodeDecodeError as error:
        raise msgspec.DecodeError(str(error)) from None


class MappedRecords(Sequence[Any]):
    """The annotations of a mapped file by position, decoded no further than asked.

    Args:
        large: the file.
        counts: how many records each of its blocks has.
    """

    def __init__(self, large: LargeFile, counts: Sequence[int]) -> None:
        """Store the places of the blocks."""
        self._large = large
        self._ends: list[int] = []
        total = 0
        for count in counts:
            total += count
            self._ends.append(total)
        self._block = -1
        self._records: list[msgspec.Raw] = []

    def __len__(self) -> int:
        """Return the number of annotations."""
        return self._ends[-1] if self._ends else 0

    @overload
    def __getitem__(self, index: int) -> msgspec.Raw: ...
    @overload
    def __getitem__(self, index: slice) -> list[msgspec.Raw]: ...
    def __getitem__(self, index: int | slice) -> msgspec.Raw | list[msgspec.Raw]:
        """Return one annotation or several, undecoded."""
        from bisect import bisect_right

        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        position = index + len(self) if index < 0 else index
        if not 0 <= position < len(self):
            raise IndexError(index)
        block = bisect_right(self._ends, position)
        if block != self._block:
            text = _list_of(self._large.mapped, self._large.spans[block])
            self._records = msgspec.json.decode(text, type=list[msgspec.Raw])
            self._block = block
        first = self._ends[block - 1] if block else 0
        return self._records[position - first]
