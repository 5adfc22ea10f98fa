"""Texts of the findings of `teacher doctor`: the entries of `findings.yaml`."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import msgspec

from train_teacher.doctor.facts import EnvironmentFinding

TABLE = Path(__file__).with_name("findings.yaml")


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A finding with placeholders in braces."""

    severity: str
    what: str
    consequence: str
    fix: str


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The content of the file."""

    findings: dict[str, Entry]
    versions: dict[str, str]
    """Effect on training of each package outside its range."""


@cache
def table() -> Table:
    """Return the file's content."""
    return msgspec.yaml.decode(TABLE.read_bytes(), type=Table)


def finding(entry: str, *, code: str = "", severity: str = "", **values: str) -> EnvironmentFinding:
    """Return an entry filled in, with the code and the severity given in place of its own."""
    told = table().findings[entry]
    return EnvironmentFinding(
        code=code or entry,
        severity=severity or told.severity,
        what=told.what.format(**values),
        consequence=told.consequence.format(**values),
        fix=told.fix.format(**values),
    )
