"""Our names for options and values that people know from other tools."""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import cache
from pathlib import Path

import msgspec

from train_teacher.core.words import did_you_mean

TABLE = Path(__file__).with_name("other_tools.yaml")


class _Habit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    names: tuple[str, ...]
    here: str


class _Habits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    options: tuple[_Habit, ...]
    values: dict[str, str]


@cache
def _table() -> _Habits:
    return msgspec.yaml.decode(TABLE.read_bytes(), type=_Habits)


def option_called_here(name: str, options: Collection[str]) -> str:
    """Return a sentence with our name for another tool's option; empty without one.

    Args:
        name: with or without dashes before it.
        options: those of the command, such as `--lr`.
    """
    plain = name.lstrip("-").lower().replace("_", "-")
    told = (habit.here for habit in _table().options if plain in habit.names)
    return next((here for here in told if set(re.findall(r"--[a-z-]+", here)) & set(options)), "")


def not_one_of(value: str, words: Collection[str]) -> str:
    """Return a message about an unknown value, with the nearest known one."""
    meant = _table().values.get(value.lower())
    near = f" Did you mean {meant!r}?" if meant in words else did_you_mean(value, words)
    return f"{value!r} is not one of {', '.join(words)}.{near}"
