"""Differences between a run's config and the official recipe, for `--dry-run --diff`."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TypeGuard

from train_teacher.config.differences import YOUR_DATA, group_differences
from train_teacher.core.words import one_line
from train_teacher.training.plan import TrainingPlan

COLUMNS = 80


def render_differences(plan: TrainingPlan) -> str:
    """Return the differences from the official recipe, each reason once."""
    lines = ["different from the official recipe, and why (recipe -> this run):"]
    topic = ""
    for group in group_differences(plan.differences, plan.generated.overrides):
        if group.topic != topic:
            topic = group.topic
            lines += ["", f"  {topic}"]
        if group.reason == YOUR_DATA:
            lines.append(f"    {YOUR_DATA}: files, folders and class names")
            continue
        if group.reason != topic:
            indent = " " * 4
            lines += textwrap.wrap(
                group.reason, COLUMNS, initial_indent=indent, subsequent_indent=indent
            )
        for difference in group.differences:
            lines += _difference_lines(*difference)
    return "\n".join(lines) + "\n"


def _difference_lines(key: str, theirs: object, ours: object) -> list[str]:
    """Return one difference in one line, or in two where it is too long for a terminal."""
    line = f"      {key}: {_side(theirs)} -> {_side(ours)}"
    if len(line) <= COLUMNS:
        return [line]
    if _are_names(theirs) and _are_names(ours):
        return [f"      {key}:", *_exchanged(theirs, ours)]
    room = (COLUMNS - len("        ") - len(" -> ")) // 2
    sides = (one_line(_side(side), room) for side in (theirs, ours))
    return [f"      {key}:", f"        {' -> '.join(sides)}"]


def _are_names(value: object) -> TypeGuard[Sequence[str]]:
    return isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value)


def _exchanged(theirs: Sequence[str], ours: Sequence[str]) -> list[str]:
    """Return the names removed from and added to a long list."""
    changes = [
        ("without", [name for name in theirs if name not in ours]),
        ("with", [name for name in ours if name not in theirs]),
        ("in another order", [] if set(theirs) != set(ours) else [""]),
    ]
    return [
        "        " + one_line(f"{word} {', '.join(names)}".rstrip(), COLUMNS - 8)
        for word, names in changes
        if names
    ]


def _side(value: object) -> str:
    if value is ...:
        return "(absent)"
    if isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
        return f"[{', '.join(str(item.get('type', '...')) for item in value)}]"
    return " ".join(repr(value).split())
