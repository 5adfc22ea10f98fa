"""Typed decoding of single COCO records, with what was wrong told as a JSON path."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Generic, TypeVar

import msgspec

from train_teacher.domain.coco import RecordProblem, Section

NOT_A_NUMBER = float("nan")
SHOWN_VALUE = 60


class ImageEntry(msgspec.Struct, gc=False):
    """What is read of an image."""

    id: int | str
    file_name: str | None = None
    coco_url: str | None = None
    width: int | float | None = None
    height: int | float | None = None


class CategoryEntry(msgspec.Struct, gc=False):
    """What is read of a category."""

    id: int | str
    name: str
    supercategory: Any = None


class AnnotationEntry(msgspec.Struct, gc=False):
    """What is read of an annotation; `segmentation` stays undecoded when it comes from bytes."""

    id: int | str | None = None
    image_id: int | str | None = None
    category_id: int | str | None = None
    bbox: tuple[float, float, float, float] | None = None
    area: float | None = None
    iscrowd: int | float | bool | None = None
    ignore: int | float | bool | None = None
    segmentation: Any = None


class _AnnotationBytes(AnnotationEntry, gc=False):
    """The same, with polygons left as bytes: decoding them is most of the cost of a file."""

    segmentation: msgspec.Raw = msgspec.Raw(b"null")


Entry = TypeVar("Entry", bound=msgspec.Struct)

_BYTES_TYPE: dict[type, Any] = {AnnotationEntry: _AnnotationBytes}
_AT = re.compile(r"^(?P<text>.*?)(?: - at `\$\.?(?P<path>.*)`)?$", re.DOTALL)
_MISSING = re.compile(r"missing required field `(\w+)`")
_EXPECTED = re.compile(r"Expected `([^`]*)`(?: of length (\d+))?")
_STEP = re.compile(r"\[(\d+)\]|([^.\[\]]+)")
_TYPE_WORDS = (("array", "a list"), ("object", "an object"), ("float", "a number"))


class RecordReader(Generic[Entry]):
    """Decodes the records of one section and collects what could not be read as written."""

    def __init__(
        self, entry_type: type[Entry], section: Section, problems: list[RecordProblem]
    ) -> None:
        """Prepare for one section.

        Args:
            entry_type: what a record is decoded to.
            section: its list in the file.
            problems: grows by one entry for each record that is not as it should be.
        """
        self._section = section
        self._problems = problems
        self._entry_type = entry_type
        bytes_type: type[Entry] = _BYTES_TYPE.get(entry_type, entry_type)
        self._decode = msgspec.json.Decoder(bytes_type).decode
        self._decode_all: Callable[[bytes], list[Entry | None]] = msgspec.json.Decoder(
            list[bytes_type]  # type: ignore[valid-type]  # a type that is known at run time only
        ).decode

    def read(self, index: int, record: Any) -> Entry | None:
        """Return the record decoded, or None when nothing useful is left of it.

        Args:
            index: position in the list.
            record: `msgspec.Raw`, or a Python object from the standard library's parser.
        """
        try:
            if isinstance(record, msgspec.Raw):
                return self._decode(record)
            return msgspec.convert(record, self._entry_type)
        except msgspec.ValidationError as error:
            return self._repair(index, record, error)
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            self.report(index, "", f"damaged text ({error})", "", False)
            return None

    def read_all(self, records: Sequence[Any]) -> Iterator[tuple[int, Entry]]:
        """Yield position and content of every record of which something useful is left.

        Args:
            records: as for `read`; without a mistake they are decoded in one call.
        """
        try:
            entries = self._decode_all(b"[" + b",".join(records) + b"]")
        except (TypeError, msgspec.DecodeError, UnicodeError, RecursionError):
            entries = [self.read(index, record) for index, record in enumerate(records)]
        for index, entry in enumerate(entries):
            if entry is not None:
                yield index, entry

    def report(self, index: int, path: str, message: str, value: str, repairable: bool) -> None:
        """Note a problem.

        Args:
            index: position of the record in its list.
            path: of the value inside the record, such as `bbox[0]`; empty for the whole record.
            message: what the value should be.
            value: what it is, shortened here.
            repairable: whether the record is kept.
        """
        dot = "" if not path or path.startswith("[") else "."
        self._problems.append(
            RecordProblem(
                section=self._section,
                index=index,
                path=f"{self._section}[{index}]{dot}{path}",
                message=message,
                value=value if len(value) <= SHOWN_VALUE else value[: SHOWN_VALUE - 3] + "...",
                repairable=repairable,
            )
        )

    def _repair(self, index: int, record: Any, error: msgspec.ValidationError) -> Entry | None:
        plain = _plain(record)
        entry = self._convert_leniently(plain)
        path, message = _explain(str(error))
        self.report(index, path, message, _value_at(plain, path), entry is not None)
        return entry

    def _convert_leniently(self, plain: Any) -> Entry | None:
        if isinstance(plain, dict):
            if self._section == "annotations" and plain.get("bbox") == []:
                plain = {**plain, "bbox": None}
            name = plain.get("name")
            if self._section == "categories" and isinstance(name, int | float):
                plain = {**plain, "name": str(name)}
        try:
            return msgspec.convert(plain, self._entry_type, strict=False)
        except (msgspec.ValidationError, UnicodeError, RecursionError):
            return None


def _plain(record: Any) -> Any:
    if not isinstance(record, msgspec.Raw):
        return record
    try:
        return msgspec.json.decode(record)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


def _explain(text: str) -> tuple[str, str]:
    """Turn msgspec's message into the path of the value and what it should be."""
    found = _AT.match(text)
    path = (found.group("path") or "") if found else ""
    missing = _MISSING.search(text)
    if missing:
        name = missing.group(1)
        return (f"{path}.{name}" if path else name), "is missing"
    expected = _EXPECTED.search(text)
    if not expected:
        return path, text.split(" - at ", maxsplit=1)[0].lower()
    kind, length = expected.groups()
    if length:
        return path, f"should be a list of {length} numbers"
    for word, said in _TYPE_WORDS:
        if word in kind:
            return path, f"should be {said}"
    if "str" in kind:
        return path, "should be a whole number or text" if "int" in kind else "should be text"
    return path, "should be a number"


def _value_at(plain: Any, path: str) -> str:
    value = plain
    for number, name in _STEP.findall(path):
        try:
            value = value[int(number)] if number else value[name]
        except (KeyError, IndexError, TypeError):
            return ""
    try:
        return msgspec.json.encode(value).decode()
    except (msgspec.MsgspecError, TypeError, ValueError, RecursionError):
        return repr(value)[: 2 * SHOWN_VALUE]
