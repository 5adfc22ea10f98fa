"""The text of `mmdet_config.py`: plain assignments with a reason above the values that matter.

MMEngine's own formatter breaks lines by the length of what is in them, so that a longer folder
name moves half of the file. Here the layout depends on the structure and on texts without a
slash only: two runs that differ in their folder differ in nothing else.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from keyword import iskeyword
from typing import Any

from train_teacher.core.terminal_text import plain

WIDTH = 96
INLINE_WIDTH = 76
INDENT = "    "


class Template(str):
    """Text in which MMEngine is meant to fill in `{{...}}` when it reads the file."""

    __slots__ = ()


def render_assignments(content: Mapping[str, Any], reasons: Mapping[str, str]) -> str:
    """Return a config as Python source: an assignment a key, reasons by dotted key as comments."""
    text = _ConfigText(reasons)
    return "\n".join(
        f"{text.comment(name, '')}{name} = {text.value(value, name, '')}\n"
        for name, value in content.items()
    )


def render_header(header: str) -> str:
    """Return lines of text as comment lines."""
    return "".join(f"# {_inert(line)}".rstrip() + "\n" for line in header.splitlines())


class _ConfigText:
    """Renders values, knowing which dotted keys have a comment."""

    def __init__(self, reasons: Mapping[str, str]) -> None:
        self._reasons = reasons
        parts = [key.split(".") for key in reasons]
        # A parent of a commented key cannot be written in one line.
        self._parents = {".".join(p[:n]) for p in parts for n in range(1, len(p))}

    def comment(self, path: str, indent: str) -> str:
        """Return the comment lines of a key, empty without a reason."""
        reason = self._reasons.get(path)
        if not reason:
            return ""
        start = f"{indent}# "
        lines = textwrap.wrap(_inert(reason), WIDTH, initial_indent=start, subsequent_indent=start)
        return "".join(f"{line}\n" for line in lines)

    def value(self, value: Any, path: str, indent: str) -> str:
        """Return a value as source; its first line follows what the caller wrote."""
        if not isinstance(value, (Mapping, list, tuple)) or not value:
            return _in_one_line(value)
        flat = _flat(value)
        if flat and path not in self._parents:
            return flat
        inner = indent + INDENT
        if isinstance(value, Mapping):
            named = _has_plain_names(value)
            start, end = ("dict(", ")") if named else ("{", "}")
            entries = [(str(name), _assigned(name, named), item) for name, item in value.items()]
        else:
            start, end = ("(", ")") if isinstance(value, tuple) else ("[", "]")
            items = [_flat(item) for item in value]
            short = all(items) and not any(isinstance(item, Mapping) for item in value)
            if short and path not in self._parents:
                return f"{start}\n{_filled([str(item) for item in items], inner)}{indent}{end}"
            entries = [(str(number), "", item) for number, item in enumerate(value)]
        rows = [
            f"{self.comment(f'{path}.{name}', inner)}{inner}{assigned}"
            f"{self.value(item, f'{path}.{name}', inner)},\n"
            for name, assigned, item in entries
        ]
        return f"{start}\n{''.join(rows)}{indent}{end}"


def _flat(value: Any) -> str | None:
    """Return a value in one line, or None when it should have more."""
    text = _in_one_line(value)
    if isinstance(value, Mapping) and len(value) == 1 and not _is_nested(value):
        return text
    return text if len(text) <= INLINE_WIDTH and "/" not in text and "\\" not in text else None


def _is_nested(value: Mapping[Any, Any]) -> bool:
    return any(isinstance(item, (Mapping, list, tuple)) for item in value.values())


def _in_one_line(value: Any) -> str:
    if isinstance(value, Mapping):
        named = _has_plain_names(value)
        items = ", ".join(f"{_assigned(k, named)}{_in_one_line(v)}" for k, v in value.items())
        return f"dict({items})" if named else f"{{{items}}}"
    if isinstance(value, tuple):
        items = ", ".join(_in_one_line(item) for item in value)
        return f"({items},)" if len(value) == 1 else f"({items})"
    if isinstance(value, list):
        return f"[{', '.join(_in_one_line(item) for item in value)}]"
    return _literal(value)


def _filled(items: Sequence[str], indent: str) -> str:
    """Return short items as lines filled up to the width."""
    lines = [indent]
    for item in items:
        if len(lines[-1]) + len(item) > WIDTH and lines[-1] != indent:
            lines[-1] = lines[-1].rstrip()
            lines.append(indent)
        lines[-1] += f"{item}, "
    return "".join(f"{line.rstrip()}\n" for line in lines)


def _has_plain_names(value: Mapping[Any, Any]) -> bool:
    return all(isinstance(k, str) and k.isidentifier() and not iskeyword(k) for k in value)


def _assigned(name: Any, named: bool) -> str:
    return f"{name}=" if named else f"{_in_one_line(name)}: "


def _literal(value: Any) -> str:
    """Return a plain value as source.

    Raises:
        TypeError: it has no such form; a config holds plain values only.
    """
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
