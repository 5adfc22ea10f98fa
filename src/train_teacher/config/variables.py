"""The variables at the top of `mmdet_config.py`, with MMDetection's usual names."""

from __future__ import annotations

import os
from collections.abc import Mapping
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from train_teacher.config.dotted_keys import list_paths, value_at
from train_teacher.config.python_text import Expression, literal

TABLE = Path(__file__).with_name("variables.yaml")


class Variable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An entry of `variables.yaml`, which says what its members mean."""

    name: str
    value_of: str
    used: tuple[str, ...] = ()
    stands_for: str | None = None
    """Dotted key whose comment it has, where that is not the key of its value."""
    folder: bool = False


class Layout(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The content of `variables.yaml`."""

    variables: tuple[Variable, ...]
    commented: frozenset[str]


@cache
def layout() -> Layout:
    """Return the layout of the file."""
    return msgspec.yaml.decode(TABLE.read_bytes(), type=Layout)


def with_variables(content: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return a config in which named values are replaced by their names, and the names.

    Returns:
        What to assign, in order, and the dotted key that each variable stands for.
    """
    assigned: dict[str, Any] = {}
    paths: dict[str, str] = {}
    known: list[tuple[Variable, Any]] = []
    keys = list(list_paths(content))
    for variable in layout().variables:
        found = [key for key in keys if fnmatchcase(key, variable.value_of)]
        value = _common_folder(content, found) if variable.folder else _first(content, found)
        if value in (None, "", [], ()):
            continue
        used = variable.used
        if variable.folder or variable.name not in content:
            assigned[variable.name] = _named(value, found[0], known)
            paths[variable.name] = variable.stands_for or found[0]
            used = (found[0], *used)
        known.append((msgspec.structs.replace(variable, used=used), value))
    rest = {key: _named(value, key, known) for key, value in content.items() if key not in assigned}
    return {**assigned, **rest}, paths


def _first(content: Mapping[str, Any], found: list[str]) -> Any:
    return value_at(content, found[0]) if found else None


def _common_folder(content: Mapping[str, Any], found: list[str]) -> str | None:
    folders = [str(value_at(content, key)) for key in found]
    if len(set(folders)) == 1:
        return folders[0]
    if not folders or not all(map(os.path.isabs, folders)):
        return None
    common = Path(os.path.commonpath(folders))
    return f"{common.as_posix()}/" if common != common.parent else None


def _named(value: Any, path: str, known: list[tuple[Variable, Any]]) -> Any:
    """Return a value with its named parts replaced by their names."""
    for variable, meant in known:
        if any(fnmatchcase(path, pattern) for pattern in variable.used):
            if repr(value) == repr(meant):
                return Expression(variable.name)
            if variable.folder and _is_below(value, meant):
                return Expression(f"{variable.name} + {literal(value.removeprefix(meant))}")
            if isinstance(value, list) and repr(tuple(value)) == repr(meant):
                return Expression(f"list({variable.name})")
    if isinstance(value, Mapping):
        # A count of iterations is not one of epochs.
        inside = [] if value.get("by_epoch") is False else known
        return {name: _named(item, f"{path}.{name}", inside) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_named(item, f"{path}.{n}", known) for n, item in enumerate(value))
    return value


def _is_below(value: Any, folder: str) -> bool:
    return isinstance(value, str) and value.startswith(f"{folder.removesuffix('/')}/")
