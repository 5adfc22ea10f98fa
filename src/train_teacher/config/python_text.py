"""The text of `mmdet_config.py`: readable assignments with comments.

MMEngine's own formatter breaks lines by the length of what is in them, so that a longer folder
name moves half of the file. Here the layout depends on the structure and on texts that are no
absolute path: two runs that differ in their folder differ in nothing else.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Mapping
from keyword import iskeyword
from typing import Any

from train_teacher.core.terminal_text import plain

WIDTH = 96
INDENT = "    "


class Template(str):
    """Text in which MMEngine fills in `{{...}}` when it reads the file."""

    __slots__ = ()


class Expression(str):
    """Source that stands for a value, such as the name of a variable."""

    __slots__ = ()


def render_assignments(
    content: Mapping[str, Any], comments: Mapping[str, str], paths: Mapping[str, str] | None = None
) -> str:
    """Return a config as Python source: an assignment a key, those of several lines set apart.

    Args:
        content: what each name is given.
        comments: by dotted key.
        paths: dotted keys of which the members are, where a name is another one.
    """
    text = _ConfigText(comments)
    rows: list[str] = []
    for name, value in content.items():
        block = text.assignment(name, value, (paths or {}).get(name, name))
        if rows and ("\n" in block[:-1] or "\n" in rows[-1][:-1]):
            rows.append("\n")
        rows.append(block)
    return "".join(rows)


def render_header(header: str) -> str:
    """Return lines of text as comment lines."""
    return "".join(f"# {_inert(line)}".rstrip() + "\n" for line in header.splitlines())


class _ConfigText:
    """Renders values, knowing which dotted keys have a comment."""

    def __init__(self, comments: Mapping[str, str]) -> None:
        self._comments = comments
        parts = [key.split(".") for key in comments]
        # A parent of a commented key cannot be written in one line.
        self._parents = {".".join(p[:n]) for p in parts for n in range(1, len(p))}

    def assignment(self, name: str, value: Any, path: str) -> str:
        """Return one or more lines; a comment stands behind the value where there is room."""
        text = f"{name} = {self._value(value, path, '', len(name) + 3, 0)}"
        behind = f"{text}  # {_inert(self._comments.get(name, ''))}"
        if (
            name in self._comments
            and len(behind) <= WIDTH
            and "\n" not in text
            and not _moves(text)
        ):
            return f"{behind}\n"
        return f"{self._comment(name, '')}{text}\n"

    def _comment(self, path: str, indent: str) -> str:
        start = f"{indent}# "
        text = _inert(self._comments.get(path, ""))
        lines = textwrap.wrap(text, WIDTH, initial_indent=start, subsequent_indent=start)
        return "".join(f"{line}\n" for line in lines)

    def _value(self, value: Any, path: str, indent: str, lead: int, tail: int) -> str:
        """Return source that has `lead` characters before it and `tail` behind it."""
        flat = _in_one_line(value)
        if not isinstance(value, (Mapping, list, tuple)) or not value:
            return flat
        fits = len(indent) + lead + len(flat) + tail <= WIDTH and not _moves(flat)
        if (fits or (len(value) == 1 and not _is_nested(value))) and path not in self._parents:
            return flat
        start, end = _brackets(value)
        return f"{start}\n" + "\n".join(self._rows(value, path, indent + INDENT, tail + 1)) + end

    def _rows(self, value: Any, path: str, indent: str, tail: int) -> Iterator[str]:
        """Yield the lines inside of brackets: short members share one, nested ones do not."""
        entries = list(_entries(value))
        row = ""
        for number, (name, assigned, item) in enumerate(entries, 1):
            behind = tail if number == len(entries) else 1
            place = f"{path}.{name}"
            text = assigned + self._value(item, place, indent, len(assigned), behind)
            if number < len(entries) or (isinstance(value, tuple) and number == 1):
                text += ","
            comment = self._comment(place, indent)
            alone = comment or "\n" in text or _moves(text) or _is_nested([item])
            if row and (alone or len(row) + 1 + len(text) + behind > WIDTH):
                yield row
                row = ""
            row = f"{row} {text}" if row else f"{comment}{indent}{text}"
            if alone:
                yield row
                row = ""
        if row:
            yield row


def _brackets(value: Any) -> tuple[str, str]:
    if isinstance(value, Mapping):
        return ("dict(", ")") if _has_plain_names(value) else ("{", "}")
    return ("(", ")") if isinstance(value, tuple) else ("[", "]")


def _entries(value: Any) -> Iterator[tuple[str, str, Any]]:
    """Yield name, source before the value, and value of each member."""
    if isinstance(value, Mapping):
        named = _has_plain_names(value)
        yield from ((str(name), _assigned(name, named), item) for name, item in value.items())
    else:
        yield from ((str(number), "", item) for number, item in enumerate(value))


def _moves(text: str) -> bool:
    """Return whether it holds an absolute path, whose length must not change the layout."""
    return "'/" in text or '"/' in text or "\\" in text


def _is_nested(value: Any) -> bool:
    """Return whether a mapping is in it, at any depth."""
    members = value.values() if isinstance(value, Mapping) else value
    return any(
        isinstance(item, Mapping) or (isinstance(item, (list, tuple)) and _is_nested(item))
        for item in members
    )


def _in_one_line(value: Any) -> str:
    if not isinstance(value, (Mapping, list, tuple)):
        return literal(value)
    start, end = _brackets(value)
    items = ", ".join(f"{assigned}{_in_one_line(item)}" for _, assigned, item in _entries(value))
    return f"{start}{items}{',' if isinstance(value, tuple) and len(value) == 1 else ''}{end}"


def _has_plain_names(value: Mapping[Any, Any]) -> bool:
    return all(isinstance(k, str) and k.isidentifier() and not iskeyword(k) for k in value)


def _assigned(name: Any, named: bool) -> str:
    return f"{name}=" if named else f"{_in_one_line(name)}: "


def literal(value: Any) -> str:
    """Return a value without members as source.

    Raises:
        TypeError: it has no such form; a config holds plain values only.
    """
    if isinstance(value, Expression):
        return str(value)
    if isinstance(value, float) and not math.isfinite(value):
        return f"float({str(value)!r})"
    if isinstance(value, Template):
        return repr(str(value))
    if isinstance(value, str):
        # MMEngine replaces {{...}} anywhere in a config file before it runs it.
        return repr(value).replace("{{", "{\\x7b")
    if value is None or isinstance(value, (bool, int, float)):
        return repr(value)
    raise TypeError(f"{value!r} cannot be written into a config")


def _inert(text: str) -> str:
    """Return text for a comment: one line, and nothing that MMEngine would replace."""
    return plain(" ".join(text.split())).replace("{{", "{ {").replace("}}", "} }")
