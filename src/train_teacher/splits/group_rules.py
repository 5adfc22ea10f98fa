"""Rules of `--group-by`, and the keys they give to images."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from train_teacher.core.errors import UsageError

RuleKind = Literal["auto", "none", "folder", "field", "regex"]
SHOWN_NAMES = 10
SCENES = ("scene", "scene_name")
LEAST_SCENES = 10
"""With fewer values, a scene is a kind of place (highway, indoor), not a recording."""


@dataclass(frozen=True)
class GroupRule:
    """Rule by which images are grouped before they are split."""

    kind: RuleKind
    value: str = ""
    """Name of the field, or the pattern."""

    @property
    def text(self) -> str:
        """The rule as it is written on the command line."""
        return f"{self.kind}:{self.value}" if self.value else self.kind


PLAIN_RULES = {"auto": GroupRule("auto"), "none": GroupRule("none"), "folder": GroupRule("folder")}


def parse_group_by(text: str) -> GroupRule:
    """Read `auto`, `none`, `folder`, `field:NAME` or `regex:PATTERN`.

    Raises:
        UsageError: it is none of them, or the pattern is not a regular expression.
    """
    plain = PLAIN_RULES.get(text)
    if plain is not None:
        return plain
    kind, colon, value = text.partition(":")
    if kind == "field" and value.strip():
        return GroupRule("field", value.strip())
    if kind == "regex" and value:
        try:
            re.compile(value)
        except re.error as error:
            at = "" if error.pos is None else f" at character {error.pos + 1}"
            raise UsageError(
                f"--group-by {text}: not a regular expression: {error.msg}{at}. Write one that "
                "finds the group in a file name, such as 'regex:^([^_]+)_'."
            ) from None
        return GroupRule("regex", value)
    missing = f" (nothing after {kind}:)" if colon and kind in ("field", "regex") else ""
    raise UsageError(
        f"--group-by {text}: not a rule{missing}. Give auto, none, folder, field:NAME (a member of "
        "the image records) or regex:PATTERN (looked for in the file name)."
    )


def keys_of_folder(names: Sequence[str]) -> list[str]:
    """Return the folder of each file name.

    Args:
        names: file names, with / or \\ between folders.
    """
    return [name.replace("\\", "/").rpartition("/")[0] for name in names]


def keys_of_pattern(names: Sequence[str], pattern: str) -> list[str | None]:
    """Return the match of the pattern in each file name: its first group, or all of it.

    Returns:
        One key per name, None where nothing was found.

    Raises:
        UsageError: it finds nothing in any name.
    """
    search = re.compile(pattern).search
    part = 1 if re.compile(pattern).groups else 0
    found = [search(name) for name in names]
    keys = [match[part] if match else None for match in found]
    if names and not any(keys):
        raise UsageError(
            f"--group-by regex:{pattern}: found in none of the {len(names)} file names (such as "
            f"{sorted(names)[0]}), so nothing would be grouped. Correct the pattern, or leave the "
            "option out."
        )
    return keys


def keys_of_field(values: Sequence[Any]) -> list[bytes | None]:
    """Return a key for each value, None for those that say nothing (null, empty, -1, NaN)."""
    return [None if _says_nothing(value) else msgspec.json.encode(value) for value in values]


def _says_nothing(value: Any) -> bool:
    if isinstance(value, (list, dict)):
        return not value
    not_a_number = isinstance(value, float) and math.isnan(value)
    return not_a_number or value in (None, "", -1, "-1")


def require_field(name: str, keys: Sequence[bytes | None], known: Sequence[str]) -> None:
    """Refuse a field that no image has.

    Args:
        name: of the field.
        keys: from `keys_of_field`.
        known: names of the members that image records do have.

    Raises:
        UsageError: every key is None.
    """
    if keys and not any(key is not None for key in keys):
        shown = ", ".join(known[:SHOWN_NAMES])
        raise UsageError(
            f"--group-by field:{name}: none of the {len(keys)} image records has a value in "
            f"{name!r}, so nothing would be grouped. They have: {shown or 'nothing else'}."
        )


def first_field(fields: Mapping[str, Sequence[Any]], names: Sequence[str]) -> str | None:
    """Return the first member in which images differ, else the first with a value.

    Args:
        fields: values of all images, by member.
        names: members that tell the video or the sequence, best first.
    """
    usable = {}
    for name in names:
        keys = {key for key in keys_of_field(fields.get(name, ())) if key is not None}
        if len(keys) >= (LEAST_SCENES if name in SCENES else 1):
            usable[name] = len(keys)
    varied = [name for name, different in usable.items() if different > 1]
    return next(iter(varied or usable), None)
