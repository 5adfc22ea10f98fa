"""Repairs of JSON text in place: no byte moves, so that reported places are those of the file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import get_args

import msgspec
import numpy as np

from train_teacher.coco.dataset import RecordProblem, Section
from train_teacher.core.arrays import Rows

MAX_DEPTH = 200
"""Lists and objects inside each other; COCO needs 6, parsers give up at 1,000 to 10,000 (3.13)."""
# Whole pairs and escaped backslashes are matched too, so that no half of them is.
_HALF_PAIR = re.compile(
    rb"\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
)
_TRAILING_COMMA = re.compile(rb",(?=\s*[\]}])")
_KEY = re.compile(rb'"([^"\\]*)"\s*:\s*$')
_LONGEST_KEY = 200
_QUOTE, _OPENING_LIST, _CLOSING_LIST, _OPENING, _CLOSING = b'"[]{}'
_LIST_DEPTH, _RECORD_DEPTH, _VALUE_DEPTH = 2, 3, 4
"""Depth inside the brackets of a section, of a record, and of a value in a record."""


@dataclass(frozen=True)
class RepairedText:
    """A text of the same length as the given one, and its repairs."""

    text: bytes
    notes: tuple[str, ...] = ()
    problems: tuple[RecordProblem, ...] = ()
    """Records of which a value had to be left out."""


def repaired_texts(text: bytes) -> Iterator[RepairedText]:
    """Yield the text with more and more repairs, for a reader that takes the first readable one."""
    text, notes = _without_half_pairs(text)
    text, more = _without_trailing_commas(text)
    notes += more
    yield RepairedText(text, notes)
    text, problems, more = _without_deep_values(text)
    yield RepairedText(text, notes + more, problems)


def _without_half_pairs(text: bytes) -> tuple[bytes, tuple[str, ...]]:
    r"""Half a surrogate pair (`\ud800`) is no character: nothing could write the name again."""
    found = 0

    def replace(match: re.Match[bytes]) -> bytes:
        nonlocal found
        if match.group(1) is None:
            return match.group()
        found += 1
        return rb"\ufffd"

    text = _HALF_PAIR.sub(replace, text)
    note = rf"half characters (such as \ud800 without its second half) were replaced: {found:,}"
    return text, (note,) if found else ()


def _without_trailing_commas(text: bytes) -> tuple[bytes, tuple[str, ...]]:
    commas = np.array([match.start() for match in _TRAILING_COMMA.finditer(text)], np.int64)
    if not len(commas):
        return text, ()
    commas = _outside(_quotes(text), commas)
    cleaned = np.frombuffer(text, np.uint8).copy()
    cleaned[commas] = ord(" ")
    note = f"commas before a closing bracket were removed: {len(commas):,}"
    return cleaned.tobytes(), (note,) if len(commas) else ()


def _quotes(text: bytes) -> Rows:
    """Return where strings begin and end."""
    unescaped = text.replace(rb"\\", b"  ").replace(rb"\"", b"  ")
    return np.flatnonzero(np.frombuffer(unescaped, np.uint8) == _QUOTE)


def _outside(quotes: Rows, places: Rows) -> Rows:
    outside: Rows = places[np.searchsorted(quotes, places) % 2 == 0]
    return outside


def _without_deep_values(
    text: bytes,
) -> tuple[bytes, tuple[RecordProblem, ...], tuple[str, ...]]:
    """Replace values of records, or as deep elsewhere, that are nested too deeply by null."""
    characters = np.frombuffer(text, np.uint8)
    opens = (characters == _OPENING_LIST) | (characters == _OPENING)
    closes = (characters == _CLOSING_LIST) | (characters == _CLOSING)
    places = _outside(_quotes(text), np.flatnonzero(opens | closes))
    opening = opens[places]
    depth = np.cumsum(np.where(opening, 1, -1))
    starts = places[opening & (depth == _VALUE_DEPTH)]
    ends = places[~opening & (depth == _VALUE_DEPTH - 1)]
    deep = np.searchsorted(starts, places[depth > MAX_DEPTH], side="right") - 1
    # One that never ends is left: the file was cut off there.
    deep = np.unique(deep[deep < len(ends)])
    if not len(deep):
        return text, (), ()
    cleaned = bytearray(text)
    for start, end in zip(starts[deep].tolist(), ends[deep].tolist(), strict=True):
        cleaned[start : end + 1] = b"null".ljust(end + 1 - start)
    lists = places[opening & (depth == _LIST_DEPTH)]
    records = places[opening & (depth == _RECORD_DEPTH)]
    problems = _problems(bytes(cleaned), lists, records, starts[deep])
    note = f"values nested more than {MAX_DEPTH} levels deep were left out: {len(deep):,}"
    return bytes(cleaned), tuple(problems), (note,)


def _problems(text: bytes, lists: Rows, records: Rows, values: Rows) -> Iterator[RecordProblem]:
    """Yield the JSON path of each value that stood in a record.

    Args:
        text: the text, the values replaced.
        lists: openings of what the top-level object holds.
        records: openings of what these hold.
        values: where the values began.
    """
    last_list = last_record = index = -1
    for value in values.tolist():
        list_start, record = _last_before(lists, value), _last_before(records, value)
        section, member = _key_before(text, list_start), _key_before(text, value)
        if section not in get_args(Section) or not member or record < list_start:
            continue
        begin, before = (last_record, index) if list_start == last_list else (list_start + 1, 0)
        entries = _count(text[begin:record])
        if entries is None:
            continue
        last_list, last_record, index = list_start, record, before + entries
        yield RecordProblem(
            section=section,  # type: ignore[arg-type]  # it is one of them
            index=index,
            path=f"{section}[{index}].{member}",
            message=f"is nested more than {MAX_DEPTH} levels deep",
            value="",
            outcome="ignored",
        )


def _last_before(places: Rows, place: int) -> int:
    found = int(np.searchsorted(places, place)) - 1
    return int(places[found]) if found >= 0 else -1


def _key_before(text: bytes, place: int) -> str:
    found = _KEY.search(text[max(0, place - _LONGEST_KEY) : max(0, place)])
    return found.group(1).decode("utf-8", "replace") if found else ""


def _count(entries: bytes) -> int | None:
    """Return how many entries of a list, each with the comma after it, a text holds."""
    try:
        listed: Sequence[msgspec.Raw] = msgspec.json.decode(
            b"[" + entries + b"0]", type=list[msgspec.Raw]
        )
    except (msgspec.DecodeError, RecursionError):
        return None
    return len(listed) - 1
