"""MMDetection's classes by name, read from their source: a dry run imports nothing."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from train_teacher.core.errors import UsageError
from train_teacher.core.words import did_you_mean

# (package, folders below it): later ones win, as mmdet's registry does over mmcv's.
TRANSFORMS = (("mmcv", "transforms"), ("mmdet", "datasets/transforms"))
SCHEDULERS = (("mmengine", "optim/scheduler"),)
# Arguments that the registry fills in, or that every config may have.
ALWAYS_THERE = frozenset({"type", "_scope_"})


@dataclass(frozen=True)
class _Class:
    bases: tuple[str, ...]
    arguments: frozenset[str] | None
    """Of its own constructor; None when the source does not show them."""
    passes_on: bool
    """True when the rest goes to the constructors of its bases."""
    registered: bool


def check_entries(
    setting: str, entries: str | Sequence[Mapping[str, Any]], places: tuple[tuple[str, str], ...]
) -> None:
    """Check the types and arguments of configs that a user wrote; our own names are skipped.

    Raises:
        UsageError: with every unknown type and argument, and the nearest known one.
    """
    if isinstance(entries, str):
        return
    known = _classes(places)
    if not known:
        return  # the packages are missing: the message about that is another one
    problems = [problem for entry in entries for problem in _problems(setting, entry, known)]
    if problems:
        raise UsageError("\n".join(problems))


def _problems(setting: str, entry: Mapping[str, Any], known: Mapping[str, _Class]) -> list[str]:
    name = str(entry["type"])
    if name not in known or not known[name].registered:
        names = [other for other, found in known.items() if found.registered]
        return [f"{setting}: MMDetection 3.3.0 has no {name!r}.{did_you_mean(name, names)}"]
    arguments = _arguments(name, known)
    if arguments is None:
        return []
    return [
        f"{setting}: {name} has no argument {key!r}.{did_you_mean(key, sorted(arguments))} "
        f"It has: {', '.join(sorted(arguments))}."
        for key in entry
        if key not in arguments | ALWAYS_THERE
    ]


def _arguments(name: str, known: Mapping[str, _Class]) -> frozenset[str] | None:
    """Return the arguments of a class and of those it passes the rest to; None when unknown."""
    if name not in known or known[name].arguments is None:
        return None
    found = known[name]
    collected = found.arguments or frozenset()
    for base in found.bases if found.passes_on else ():
        more = _arguments(base, known)
        if more is None:
            return None
        collected |= more
    return collected


@cache
def _classes(places: tuple[tuple[str, str], ...]) -> Mapping[str, _Class]:
    found: dict[str, _Class] = {}
    for package, folder in places:
        spec = find_spec(package)
        for root in (spec.submodule_search_locations or ()) if spec else ():
            for path in sorted((Path(root) / folder).glob("*.py")):
                for node in ast.parse(path.read_text(encoding="utf-8")).body:
                    if isinstance(node, ast.ClassDef):
                        # mmdet imports the class of mmcv that it replaces under this name.
                        found[f"MMCV_{node.name}"] = found.get(node.name, _UNKNOWN)
                        found[node.name] = _read_class(node)
    return found


_UNKNOWN = _Class((), None, passes_on=False, registered=False)


def _read_class(node: ast.ClassDef) -> _Class:
    bases = tuple(ast.unparse(base).rpartition(".")[2] for base in node.bases)
    registered = any("register_module" in ast.unparse(d) for d in node.decorator_list)
    for statement in node.body:
        if isinstance(statement, ast.FunctionDef) and statement.name == "__init__":
            signature = statement.args
            names = frozenset(a.arg for a in (*signature.args[1:], *signature.kwonlyargs))
            if signature.kwarg and not _hands_the_rest_on(statement):
                return _Class(bases, None, passes_on=False, registered=registered)
            return _Class(bases, names, bool(signature.kwarg), registered)
    return _Class(bases, frozenset(), passes_on=True, registered=registered)


def _hands_the_rest_on(constructor: ast.FunctionDef) -> bool:
    """Return whether **kwargs go to the base class; some build another object with them."""
    return any(
        isinstance(node, ast.Call)
        and ast.unparse(node.func) == "super().__init__"
        and any(keyword.arg is None for keyword in node.keywords)
        for node in ast.walk(constructor)
    )
