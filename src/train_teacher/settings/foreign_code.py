"""Protection against foreign code: settings are data, and values that would run code are refused.

MMEngine builds what `type` names. A name that no registry has it imports, dotted or not, and calls
(`Registry.get`); some registered classes run a file or a text that they are given. A settings
file, a preset or a bundle may come from anyone, so all of this is refused, at any depth.
"""

from __future__ import annotations

import difflib
import re
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from itertools import islice
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import msgspec

from train_teacher.core.python_files import CURE, python_files_allowed
from train_teacher.core.words import shortened
from train_teacher.settings.edits import edited_values
from train_teacher.settings.registered_names import is_registered, registered_names

BUILT = frozenset({"architecture", "augmentation", "schedule", "optimizer", "set", "edited"})
"""Settings that become parts of MMDetection's config."""
# Keys whose text a registry looks up.
NAMING_KEYS = frozenset(
    "type constructor ema_type resize_type conv_type collate_fn worker_init_fn runner_type".split()
)
IMPORTS = "custom_imports"
TABLE = Path(__file__).with_name("foreign_code.yaml")
CODE_ENDINGS = (".py", ".pkl", ".pickle")
DOTTED = re.compile(r"^[A-Za-z_]\w*(?:(?:\.|::?)\w+)+$")
FOREIGN_NAMES = {"Albu": re.compile(r"^[A-Z][A-Za-z0-9]*$")}
"""Transforms that look the types inside them up elsewhere, and what a name must look like there."""
TEMPLATE = "`{{` is filled in by MMEngine when it reads a config. Leave it out."
MOST_VALUES = 100_000
SHOWN_LENGTH = 60


class Refused(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The content of `foreign_code.yaml`: what each name would do."""

    config_words: dict[str, str]
    file_keys: dict[str, str]
    classes: dict[str, str]


@cache
def refused_names() -> Refused:
    """Return the table of names that would run code."""
    return msgspec.yaml.decode(TABLE.read_bytes(), type=Refused)


def problems_of(setting: str, value: Any) -> Iterator[str]:
    """Yield the values in a setting that would run code: key and value, effect, and cure."""
    if setting == "base_config" and (problem := _base_config_problem(value)):
        yield f"base_config: {problem}"
    if setting not in BUILT:
        return
    if setting == "edited" and isinstance(value, Mapping):
        try:
            value = edited_values(value)
        except ValueError as error:
            yield f"edited: holds what is no Python literal: {error}"
            return
    members = list(islice(_members(setting, value), MOST_VALUES + 1))
    if len(members) > MOST_VALUES:
        yield f"{setting}: has more than {MOST_VALUES:,} values, or refers to itself."
        return
    for member in members:
        problem = _problem(member)
        # What `optimizer.type` may be is a list of a few (recipes.py), which has its own message.
        if problem and not (member.place == "optimizer.type" and str(member.value).isidentifier()):
            yield f"{member.place}: {problem}"


def _base_config_problem(name: str) -> str | None:
    if python_files_allowed():
        return None
    parts = (*PurePosixPath(name).parts, *PureWindowsPath(name).parts)
    inside = not (PurePosixPath(name).is_absolute() or PureWindowsPath(name).drive)
    if inside and ".." not in parts and not name.startswith(("~", "\\")):
        return None
    return (
        f"{name} is a Python file that MMDetection does not ship, and reading it would run it. "
        f"Name one of MMDetection's, such as mm_grounding_dino/{_EXAMPLE}. {CURE}"
    )


_EXAMPLE = "grounding_dino_swin-t_finetune_8xb4_20e_cat.py"


@dataclass(frozen=True)
class _Member:
    """A value somewhere in a setting."""

    place: str
    """Dotted, from the setting's name on."""
    key: str
    """The last mapping key on the way to it."""
    value: Any
    around: str | None
    """The class of `FOREIGN_NAMES` that it is in."""


def _members(place: str, value: Any) -> Iterator[_Member]:
    """Yield the parts of a value, breadth first: in YAML a value can contain itself."""
    waiting = deque([_Member(place, "", value, None)])
    while waiting:
        outer = waiting.popleft()
        for member in _directly_in(outer):
            yield member
            waiting.append(member)


def _directly_in(outer: _Member) -> Iterator[_Member]:
    value, around = outer.value, outer.around
    if isinstance(value, Mapping):
        kind = value.get("type")
        inner = kind if isinstance(kind, str) and kind in FOREIGN_NAMES else around
        for name, item in value.items():
            within = around if name == "type" else inner
            yield _Member(f"{outer.place}.{name}", str(name), item, within)
    elif isinstance(value, (list, tuple)):
        for number, item in enumerate(value):
            yield _Member(f"{outer.place}.{number}", outer.key, item, around)


def _problem(member: _Member) -> str | None:
    refused = refused_names()
    words = member.key.split(".")  # `set` and `architecture` have dotted keys
    key, value = words[-1], member.value
    # The top key `custom_imports` is one of those with a message of their own (protected_keys.py).
    inner = words[1:] if member.place == f"set.{IMPORTS}" else words
    reserved = next((word for word in inner if word in refused.config_words), None)
    if reserved:
        return f"{reserved} {refused.config_words[reserved]}. Leave it out."
    if "{{" in member.key:
        return f"{_shown(member.key)}: {TEMPLATE}"
    built = key != "type" and isinstance(value, Mapping)
    if key in NAMING_KEYS and value is not None and not built:
        return _name_problem(value, member.around)
    if key in refused.file_keys and isinstance(value, str):
        return f"{_shown(value)} {refused.file_keys[key]}. Leave it out."
    return _text_problem(value) if isinstance(value, str) else None


def _name_problem(value: Any, around: str | None) -> str | None:
    if not isinstance(value, str):
        return f"{_shown(value)} is no name of a class. Write a name, such as SmoothL1Loss."
    if around and FOREIGN_NAMES[around].match(value):
        return None
    classes = refused_names().classes
    if value in classes:
        return f"{value} {classes[value]}. It cannot be used here."
    if is_registered(value):
        return None
    last = re.split(r"[.:]+", value)[-1]
    near = difflib.get_close_matches(last, registered_names(), n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return (
        f"{_shown(value)} is no class that MMDetection 3.3.0, MMEngine or train-teacher registers; "
        f"MMEngine would import and call it, whatever it is. Write the short name of a class."
        f"{hint}"
    )


def _text_problem(text: str) -> str | None:
    if "{{" in text:
        return f"{_shown(text)}: {TEMPLATE}"
    if text.lower().endswith(CODE_ENDINGS):
        return f"{_shown(text)} is a file that can hold code, and reading it would run it."
    if DOTTED.match(text) and _is_module(re.split(r"[.:]", text)[0]):
        return (
            f"{_shown(text)} is the name of something in a Python module, which would be imported. "
            "Leave it out; a file of this name is written with a folder, such as ./"
            f"{_shown(text).strip(chr(39))}."
        )
    return None


def _is_module(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except (ImportError, ValueError):
        return True  # __main__ is one, without a place where it was found


def _shown(value: Any) -> str:
    return shortened(repr(value), SHOWN_LENGTH)
