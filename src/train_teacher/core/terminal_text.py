"""Escaping of text from data sets: it must not control the terminal."""

from __future__ import annotations

import re

COMMANDS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Control characters but tab and line feed (ECMA-48, C0 and C1), and Unicode's changes of writing
direction (UAX #9)."""


def plain(text: str) -> str:
    """Return text in which whatever a terminal would obey is written out, such as `\\u001b`."""
    return COMMANDS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
