"""The top-level lists of an annotation file, from its bytes in any encoding."""

from __future__ import annotations

import codecs
import gzip
import json
import re
import zlib
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec

from train_teacher.coco.dataset import RecordProblem
from train_teacher.coco.encodings import ASSUMED, is_western, likely_readings
from train_teacher.coco.foreign_formats import (
    name_binary_format,
    name_json_format,
    name_text_format,
)
from train_teacher.coco.text_repairs import RepairedText, repaired_texts
from train_teacher.core.errors import UserError

SECTIONS = ("images", "annotations", "categories")
Record = Any
"""One entry of a section: `msgspec.Raw`, or a Python object after a repair of the text."""

_BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_NULLS_OF_UTF16_LE = re.compile(rb"^[{\[]\x00")
_NULLS_OF_UTF16_BE = re.compile(rb"^\x00[{\[]")
_BYTE = re.compile(r"\(byte (\d+)\)")
SHOWN_READINGS = 2
_GZIP_MAGIC = b"\x1f\x8b"


@dataclass(frozen=True)
class TopLevel:
    """The lists of one annotation file, their entries not decoded yet."""

    images: list[Record]
    annotations: list[Record]
    categories: list[Record]
    info: dict[str, Any]
    licenses: tuple[Any, ...]
    note: str | None
    """Repairs needed to read the bytes."""
    doubt: str | None = None
    """Reason to doubt the letters."""
    problems: tuple[RecordProblem, ...] = ()
    """Values of records that had to be left out to read the bytes."""


class _Raw(msgspec.Struct):
    images: list[msgspec.Raw]
    annotations: list[msgspec.Raw]
    categories: list[msgspec.Raw]
    info: msgspec.Raw = msgspec.Raw(b"null")
    licenses: msgspec.Raw = msgspec.Raw(b"null")


def read_top_level(path: Path, encoding: str | None = None) -> TopLevel:
    """Read a file, in its own encoding or the given one, and split it into its sections.

    Raises:
        UserError: F1 (missing, unreadable, empty, truncated, not JSON), F3 (another format),
            F4 (a section is missing or not a list).
    """
    content = _read_bytes(path)
    binary = name_binary_format(content)
    if binary:
        raise _f3(path, binary)
    data, note, doubt = _as_utf8(path, content, encoding)
    if not data.strip():
        raise _f1(path, "the file is empty", "Export or download it again.")
    try:
        top = _read_sections(path, RepairedText(data), note)
    except (msgspec.DecodeError, RecursionError):
        top = _read_repaired(path, data, note)
    return replace(top, doubt=doubt)


def read_other_members(path: Path, encoding: str | None = None) -> dict[str, Any]:
    """Return the members of a file beside the three lists, such as `info` and `licenses`.

    Args:
        path: a file that `read_top_level` can read.
        encoding: of its text, where the user named it.
    """
    data, *_ = _as_utf8(path, _read_bytes(path), encoding)
    for text in chain([data], (repaired.text for repaired in repaired_texts(data))):
        try:
            raw = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
            return {key: _plain(value) for key, value in raw.items() if key not in SECTIONS}
        except (msgspec.DecodeError, RecursionError):
            continue
    top = json.loads(text)
    return {key: value for key, value in top.items() if key not in SECTIONS}


def _read_bytes(path: Path) -> bytes:
    if path.is_dir():
        raise _f1(path, "this is a folder, not a file", "Give the COCO JSON inside it.")
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise _f1(path, "there is no such file", "Check the path.") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise _f1(path, f"cannot be read ({reason})", "Check its permissions.") from None


def _as_utf8(path: Path, data: bytes, named: str | None) -> tuple[bytes, str | None, str | None]:
    """Return the text as UTF-8, the repairs, and the reason to doubt its letters."""
    notes = []
    doubt = None
    if data.startswith(_GZIP_MAGIC):
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError, zlib.error) as error:
            raise _f1(
                path, f"the gzip archive is damaged ({error})", "Download it again."
            ) from None
        notes.append("unpacked from gzip")
    encoding = named or _wide_encoding(data)
    try:
        if encoding:
            data = data.decode(encoding).encode("utf-8")
            notes.append(f"converted from {encoding.upper()}")
        elif data.startswith(codecs.BOM_UTF8):
            data = data[len(codecs.BOM_UTF8) :]
            notes.append("byte order mark removed")
    except UnicodeError as error:
        raise _f1(path, f"the {encoding} text is damaged ({error})", "Export it again.") from None
    if not data.isascii():
        try:
            data.decode("utf-8")
        except UnicodeDecodeError:
            doubt = None if is_western(data) else _doubt(data)
            data = data.decode(ASSUMED, errors="replace").encode("utf-8")
            notes.append("the text is not UTF-8 and was read as Windows-1252")
    return data, "; ".join(notes) or None, doubt


def _doubt(data: bytes) -> str:
    readings = likely_readings(data)[:SHOWN_READINGS]
    if not readings:
        return "no usual encoding makes words of its letters"
    return "; ".join(f"{one.encoding} reads {', '.join(one.words)}" for one in readings)


def _wide_encoding(data: bytes) -> str | None:
    for bom, name in _BOMS:
        if data.startswith(bom):
            return name
    if _NULLS_OF_UTF16_LE.match(data):
        return "utf-16-le"
    if _NULLS_OF_UTF16_BE.match(data):
        return "utf-16-be"
    return None


def _read_sections(path: Path, repaired: RepairedText, note: str | None) -> TopLevel:
    try:
        raw = msgspec.json.decode(repaired.text, type=_Raw)
    except msgspec.ValidationError:
        raise _not_coco(path, repaired.text) from None
    info, licenses = _plain(raw.info), _plain(raw.licenses)
    return TopLevel(
        images=list(raw.images),
        annotations=list(raw.annotations),
        categories=list(raw.categories),
        info=info if isinstance(info, dict) else {},
        licenses=tuple(licenses) if isinstance(licenses, list) else (),
        note=_joined(note, *repaired.notes),
        problems=repaired.problems,
    )


def _read_repaired(path: Path, data: bytes, note: str | None) -> TopLevel:
    """Read text that is not quite JSON, with as few repairs as possible."""
    for repaired in repaired_texts(data):
        try:
            return _read_sections(path, repaired, note)
        except RecursionError:
            continue
        except msgspec.DecodeError as error:
            if b"NaN" not in repaired.text and b"Infinity" not in repaired.text:
                raise _broken(path, data, error) from None
        try:
            return _read_with_constants(path, data, repaired, note)
        except RecursionError:
            continue
    raise _broken(path, data, RecursionError())


def _read_with_constants(
    path: Path, data: bytes, repaired: RepairedText, note: str | None
) -> TopLevel:
    """Read with the standard library, which accepts the NaN and Infinity that Python writes."""
    try:
        top = json.loads(repaired.text)
    except ValueError as error:
        raise _broken(path, data, error) from None
    if not isinstance(top, dict) or not all(isinstance(top.get(s), list) for s in SECTIONS):
        raise _wrong_shape(path, top)
    info, licenses = top.get("info"), top.get("licenses")
    constants = "contains NaN or Infinity, which JSON does not allow"
    return TopLevel(
        **{section: top[section] for section in SECTIONS},
        info=info if isinstance(info, dict) else {},
        licenses=tuple(licenses) if isinstance(licenses, list) else (),
        note=_joined(note, *repaired.notes, constants),
        problems=repaired.problems,
    )


def _joined(*notes: str | None) -> str | None:
    return "; ".join(note for note in notes if note) or None


def _plain(raw: msgspec.Raw) -> Any:
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        return None


def _f1(path: Path, what: str, cure: str) -> UserError:
    return UserError(f"{path}: F1 {what}. Nothing can be trained from it. {cure}")


def _broken(path: Path, data: bytes, error: Exception) -> UserError:
    foreign = name_text_format(data, path.suffix)
    if foreign:
        return _f3(path, foreign)
    if isinstance(error, RecursionError):
        return _f1(path, "nested too deeply to be a data set", "Is it the right file?")
    message = str(error)
    truncated = "truncated" in message
    at = _BYTE.search(message)
    if isinstance(error, json.JSONDecodeError):
        position = len(error.doc[: error.pos].encode("utf-8", "replace"))
        truncated = position >= len(data.rstrip()) or error.msg.startswith("Unterminated")
        message = error.msg
    else:
        position = int(at.group(1)) if at else len(data)
    line = data.count(b"\n", 0, position) + 1
    place = f"byte {position} (line {line})"
    if truncated:
        return _f1(
            path,
            f"ends in the middle of a record at {place}",
            "The download or copy looks incomplete: fetch it again.",
        )
    if "trailing characters" in message or "Extra data" in message:
        what = f"continues after the end of the JSON object, at {place}: JSON Lines or two files"
        return _f1(path, what, "Export one JSON object.")
    reason = message.split(" (byte", maxsplit=1)[0].removeprefix("JSON is malformed: ")
    excerpt = data[max(0, position - 20) : position + 20].decode("utf-8", "replace")
    return _f1(
        path, f"is not valid JSON at {place}: {reason}, near {excerpt!r}", "Export it again."
    )


def _not_coco(path: Path, data: bytes) -> UserError:
    try:
        return _wrong_shape(path, msgspec.json.decode(data))
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        return _broken(path, data, error)


def _wrong_shape(path: Path, top: object) -> UserError:
    foreign = name_json_format(top)
    if foreign:
        return _f3(path, foreign)
    if not isinstance(top, dict):
        return UserError(
            f"{path}: F4 the file holds a list, not a COCO object with "
            '"images", "annotations" and "categories". Nothing can be trained from it; '
            "export the data set as COCO JSON."
        )
    problems = []
    for section in SECTIONS:
        if section not in top:
            problems.append(f'no "{section}" ({_LOST[section]})')
        elif not isinstance(top[section], list):
            kind = _kind(top[section])
            if isinstance(top[section], dict) and top[section]:
                kind += f' keyed by id: jq ".{section} |= [.[]]" makes the list of its values'
            problems.append(f'"{section}" should be a list, not {kind} ({_LOST[section]})')
    keys = ", ".join(str(key)[:30] for key in list(top)[:8]) or "none"
    return UserError(
        f"{path}: F4 {'; '.join(problems)}. The keys found are: {keys}. "
        "Nothing can be trained from it; export the data set as COCO JSON (object detection)."
    )


def _kind(value: object) -> str:
    """Return the type of a value in terms of JSON."""
    if value is None:
        return "null"
    words = {bool: "true or false", str: "text", list: "a list", dict: "an object"}
    return words.get(type(value), "a number")


_LOST = {
    "images": "no images to train on",
    "annotations": "no boxes to learn",
    "categories": "class names unknown",
}


def _f3(path: Path, foreign: str) -> UserError:
    return UserError(f"{path}: F3 {foreign}")
