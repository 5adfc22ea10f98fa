"""The form of an explanation."""

from __future__ import annotations

from typing import Literal, NamedTuple

Mends = Literal["", "copies", "fix", "both"]


class Explanation(NamedTuple):
    """The story of one code."""

    title: str
    why: str
    """What is looked for, what MMDetection does with it, and why that harms."""
    cure: str
    mends: Mends = ""
    """Who repairs it: the canonical copies of a run, `--fix`, both, or nobody but the user."""
    example: str = ""
    """Before and after, as lines that are shown as they are."""
