"""Typed decoding of single COCO records, with errors reported as JSON paths."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Generic, TypeVar

import msgspec

from train_teacher.coco.box_forms import BOX_NUMBERS, ROTATED, other_form
from train_teacher.coco.dataset import Outcome, RecordProblem, Section, plain_value
from train_teacher.core.words import shortened

NOT_A_NUMBER = float("nan")
SHOWN_VALUE = 60


class ImageEntry(msgspec.Struct, gc=False):
    """Members that are read of an image."""

    id: int | str
    file_name: str | None = None
    coco_url: str | None = None
    width: int | float | None = None
    height: int | float | None = None


class CategoryEntry(msgspec.Struct, gc=False):
    """Members that are read of a category."""

    id: int | str
    name: str
    supercategory: Any = None


class AnnotationEntry(msgspec.Struct, gc=False):
    """Members read of an annotation; `segmentation` stays undecoded when it comes from bytes."""

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
_NEEDED: dict[Section, frozenset[str]] = {
    "images": frozenset({"id"}),
    "annotations": frozenset({"image_id", "category_id"}),
    "categories": frozenset({"id", "name"}),
}
"""Members without which nothing useful is left of a record."""
_NAMES = frozenset({"name", "file_name"})
"""Members that are understood when they are a number instead of text."""
_PLAIN = frozenset({"id", "image_id", "category_id", *_NAMES})
_HELD_INSIDE = "should be the one value inside"
_TYPE_WORDS = (("array", "a list"), ("object", "an object"), ("float", "a number"))


@dataclass(frozen=True)
class _Mistake:
    """A value with a problem."""

    path: str
    """Inside the record, such as `bbox[0]`."""
    message: str
    value: str


@dataclass
class _Members:
    """Decoded members of one record."""

    values: dict[str, Any] = field(default_factory=dict)
    converted: list[_Mistake] = field(default_factory=list)
    ignored: list[_Mistake] = field(default_factory=list)


class RecordReader(Generic[Entry]):
    """Decodes the records of one section and collects their problems."""

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
        """Return the record decoded, or None when it is unusable.

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
            self.report(index, "", f"damaged text ({error})", "", "lost")
            return None

    def read_all(self, records: Sequence[Any]) -> Iterator[tuple[int, Entry]]:
        """Yield position and content of every usable record.

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

    def report(self, index: int, path: str, message: str, value: str, outcome: Outcome) -> None:
        """Note a problem.

        Args:
            index: position of the record in its list.
            path: of the value inside the record, such as `bbox[0]`; empty for the whole record.
            message: the expected value. value:
            the given one, shortened here. outcome: its treatment.
        """
        dot = "" if not path or path.startswith("[") else "."
        self._problems.append(
            RecordProblem(
                section=self._section,
                index=index,
                path=f"{self._section}[{index}]{dot}{path}",
                message=message,
                value=shortened(value, SHOWN_VALUE),
                outcome=outcome,
            )
        )

    def _repair(self, index: int, record: Any, error: msgspec.ValidationError) -> Entry | None:
        """Read the readable members one by one, and report every mistake."""
        plain = plain_value(record)
        if not isinstance(plain, dict):
            path, message = _explain(str(error))
            self.report(index, path, message, _value_at(plain, path), "lost")
            return None
        members, needed = self._read_members(plain), _NEEDED[self._section]
        if self._section == "images" and not isinstance(plain.get("coco_url"), str):
            needed |= {"file_name"}
        lost = any(mistake.path in needed for mistake in members.ignored)
        if not (members.converted or members.ignored):
            # Only its JSON was out of the ordinary: 1e999, which others take for infinity.
            members.converted.append(_Mistake(*_explain(str(error)), ""))
        outcomes: tuple[Outcome, Outcome] = ("lost", "lost") if lost else ("converted", "ignored")
        for outcome, mistakes in zip(outcomes, (members.converted, members.ignored), strict=True):
            for mistake in mistakes:
                self.report(index, mistake.path, mistake.message, mistake.value, outcome)
        return None if lost else self._entry_type(**members.values)

    def _read_members(self, record: dict[str, Any]) -> _Members:
        members = _Members()
        for each in _fields_of(self._entry_type):
            name = each.encode_name
            if name not in record:
                if each.required:
                    members.ignored.append(_Mistake(name, "is missing", ""))
                continue
            value, mistakes, usable = _read_member(name, each.type, record[name])
            if usable:
                members.values[each.name] = value
            (members.converted if usable else members.ignored).extend(mistakes)
        return members


@cache
def _fields_of(entry_type: type[msgspec.Struct]) -> tuple[msgspec.structs.FieldInfo, ...]:
    return msgspec.structs.fields(entry_type)


def _read_member(name: str, kind: Any, value: Any) -> tuple[Any, list[_Mistake], bool]:
    """Return the value of one member, its problem, and whether it can be used."""
    if name == "bbox":
        return _read_box(kind, value)
    inside = [value.get("id")] if isinstance(value, dict) else value
    if name in _PLAIN and isinstance(inside, list) and [*map(type, inside)] in ([int], [str]):
        inner, mistakes, usable = _read_member(name, kind, inside[0])
        return inner, mistakes or [_Mistake(name, _HELD_INSIDE, _value_at(value, ""))], usable
    read, mistake, usable = _read_value(name, kind, value)
    return read, [mistake] if mistake else [], usable


def _read_box(kind: Any, value: Any) -> tuple[Any, list[_Mistake], bool]:
    read, mistakes, usable = None, [], False
    if isinstance(value, list) and len(value) == BOX_NUMBERS:
        parts = [_read_value(f"bbox[{place}]", float, number) for place, number in enumerate(value)]
        mistakes = [mistake for _, mistake, _ in parts if mistake]
        read, usable = tuple(number for number, _, _ in parts), all(ok for _, _, ok in parts)
    if not usable and (form := other_form(value)):
        # The meaning of an angle follows from all of them (reader.py).
        usable = form.message != ROTATED
        mistakes = [_Mistake("bbox", form.message, _value_at(value, ""))]
        return form.numbers if usable else None, mistakes, usable
    if not mistakes:
        read, mistake, usable = _read_value("bbox", kind, value)
        mistakes = [mistake] if mistake else []
    return read, mistakes, usable


def _read_value(path: str, kind: Any, value: Any) -> tuple[Any, _Mistake | None, bool]:
    try:
        return msgspec.convert(value, kind), None, True
    except (msgspec.ValidationError, UnicodeError, RecursionError) as error:
        inside, message = _explain(str(error))
        mistake = _Mistake(path + inside, message, _value_at(value, inside))
    if path in _NAMES and isinstance(value, int | float):
        return str(value), mistake, True
    try:
        return msgspec.convert(value, kind, strict=False), mistake, True
    except (msgspec.ValidationError, UnicodeError, RecursionError):
        return None, mistake, False


def _explain(text: str) -> tuple[str, str]:
    """Return the path of the value and the expected type from msgspec's message."""
    found = _AT.match(text)
    path = (found.group("path") or "") if found else ""
    missing = _MISSING.search(text)
    if missing:
        name = missing.group(1)
        return (f"{path}.{name}" if path else name), "is missing"
    expected = _EXPECTED.search(text)
    if expected:
        return path, f"should be {_said(*expected.groups())}"
    if "out of range" in text:
        return path, "should be a number of ordinary size"
    return path, text.split(" - at ", maxsplit=1)[0].lower()


def _said(kind: str, length: str | None) -> str:
    """Return a type of msgspec's in plain words."""
    if length:
        return f"a list of {length} numbers"
    for word, said in _TYPE_WORDS:
        if word in kind:
            return said
    if "str" in kind:
        return "a whole number or text" if "int" in kind else "text"
    return "a number"


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
