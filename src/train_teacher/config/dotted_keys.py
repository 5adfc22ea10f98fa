"""Dotted keys of a nested config: lookup, assignment, type check, and the nearest key."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeGuard

from train_teacher.core.words import nearest, shortened

# The places where MMDetection takes a word or a number: `log_scale` of the contrastive head
# (grounding_dino_head.py:48).
EITHER_WORD_OR_NUMBER = frozenset({"auto", "none"})
SHOWN_LENGTH = 60


def list_paths(content: Any, prefix: str = "") -> Iterator[str]:
    """Yield all dotted keys of a config behind a prefix, parents before children."""
    for name, value in _members(content):
        yield f"{prefix}{name}"
        yield from list_paths(value, f"{prefix}{name}.")


def value_at(content: Any, key: str) -> Any:
    """Return the value of a dotted key.

    Raises:
        KeyError: there is none.
    """
    node = content
    for name in key.split("."):
        node = _member(node, name)
    return node


def set_value(content: Any, key: str, value: Any, *, adds: bool = False) -> None:
    """Set a dotted key in place; where it `adds`, the last part of the key need not be there.

    Raises:
        KeyError: there is no such key, and it may not be created.
    """
    parent_key, _, last = key.rpartition(".")
    parent = value_at(content, parent_key) if parent_key else content
    if not (adds and isinstance(parent, dict)):
        _member(parent, last)
    parent[last if isinstance(parent, dict) else int(last)] = value


def through_wrappers(content: Any, key: str) -> str:
    """Return a key with `dataset` inserted where another data set wraps the intended one.

    A key that leads nowhere is returned as it is.
    """
    node, found = content, ""
    for name in key.split("."):
        while is_wrapper(node) and name not in node:
            node, found = node["dataset"], f"{found}dataset."
        try:
            node = _member(node, name)
        except KeyError:
            return key
        found = f"{found}{name}."
    return found.removesuffix(".")


def is_wrapper(node: object) -> TypeGuard[Mapping[str, Any]]:
    """Return whether a config is that of a data set that is wrapped around another one."""
    return isinstance(node, Mapping) and "type" in node and isinstance(node.get("dataset"), Mapping)


def nearest_path(content: Any, key: str) -> str | None:
    """Return the dotted key that was most likely meant.

    A key that was given without its beginning (`bbox_head.loss_cls`) is found by its end;
    otherwise the whole key is compared with every key of the config.
    """
    paths = list(list_paths(content))
    ending = [path for path in paths if path.endswith(f".{key}")]
    if ending:
        return min(ending, key=len)
    if near := nearest(key, paths):
        return near
    last = key.rpartition(".")[2]
    named = [path for path in paths if path.rpartition(".")[2] == last]
    return max(
        named, key=lambda path: difflib.SequenceMatcher(None, path, key).ratio(), default=None
    )


def unknown_key_problem(content: Any, key: str) -> str:
    """Return the message for a dotted key that the config does not have."""
    known, missing, node = "", key, content
    for name in key.split("."):
        missing = name
        try:
            node = _member(node, name)
        except KeyError:
            break
        known = f"{known}.{name}" if known else name
    near = nearest_path(content, key)
    members = ", ".join(name for name, _ in _members(node)) or f"the value {shorten(node)}"
    hint = f"did you mean `{near}`?" if near else f"it has {shortened(members, 200)}."
    place = f"`{known}` has" if known else "the config has"
    return f"{key}: {place} no `{missing}`; {hint}"


def fitted(old: Any, new: Any) -> Any:
    """Return a new value in the containers and the kind of number that the config uses there.

    YAML knows neither tuples nor the difference between 2 and 2.0; mmdet does: class names are
    put into a set, and some transforms check for tuples.
    """
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        return {name: fitted(old.get(name), value) for name, value in new.items()}
    if isinstance(old, float) and _is_number(new):
        return float(new)
    if isinstance(old, (list, tuple)) and isinstance(new, (list, tuple)):
        pairs = bool(old) and all(isinstance(item, tuple) for item in old)
        items = [tuple(i) if pairs and isinstance(i, list) else i for i in new]
        return type(old)(items)
    return new


def type_problem(old: Any, new: Any) -> str | None:
    """Return the problem of replacing a value by one that cannot be intended.

    A number may become a list of numbers (RandomFlip's `prob`), a mapping a list of mappings
    (several evaluators), and anything may be switched off with null.
    """
    if old is None or new is None:
        return None
    theirs, ours = kind_of(old), kind_of(new)
    if theirs == ours or _may_become(old, new):
        return None
    return f"there is {theirs} there ({shorten(old)}), and {shorten(new)} is {ours}"


def kind_of(value: Any) -> str:
    """Return the type of a value in terms of YAML."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true or false"
    if _is_number(value):
        return "a number"
    if isinstance(value, str):
        return "text"
    return "a mapping" if isinstance(value, Mapping) else "a list"


def shorten(value: Any) -> str:
    """Return a value in one line of a message."""
    return shortened(repr(value), SHOWN_LENGTH)


def _may_become(old: Any, new: Any) -> bool:
    if isinstance(new, Sequence) and not isinstance(new, str):
        return bool(new) and all(kind_of(item) == kind_of(old) for item in new)
    word = old if isinstance(old, str) else new
    number = new if isinstance(old, str) else old
    return _is_number(number) and isinstance(word, str) and word in EITHER_WORD_OR_NUMBER


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _members(node: Any) -> list[tuple[str, Any]]:
    if isinstance(node, Mapping):
        return [(str(name), value) for name, value in node.items()]
    if isinstance(node, (list, tuple)):
        return [(str(number), value) for number, value in enumerate(node)]
    return []


def _member(node: Any, name: str) -> Any:
    if isinstance(node, Mapping):
        return node[name]
    if isinstance(node, (list, tuple)) and name.isdigit() and int(name) < len(node):
        return node[int(name)]
    raise KeyError(name)
