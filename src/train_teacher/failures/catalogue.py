"""Messages for known failures of the libraries: facts of an exception in, a message out."""

from __future__ import annotations

import errno
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import msgspec

from train_teacher.failures import patterns

# Read at once and decoded when something failed: by then no file may be left to open.
TABLE = Path(__file__).with_name("known_failures.yaml").read_bytes()


@dataclass(frozen=True)
class FailureFacts:
    """Facts about an exception, without the exception itself."""

    types: tuple[str, ...]
    """Name of its class and of the bases, the class first."""
    message: str
    places: tuple[str, ...] = ()
    """Files of the traceback, with forward slashes, outermost call first."""
    errno: int | None = None
    """Error number of the system, for an OSError."""


class Translation(msgspec.Struct, frozen=True, kw_only=True):
    """Message about a failure: problem, consequence and cure."""

    code: str
    what: str
    consequence: str
    cure: str


class Failure(Translation, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A failure that the tool cannot prevent: an entry of `known_failures.yaml`."""

    types: tuple[str, ...]
    patterns: tuple[str, ...] = ()
    place: str = ""
    errnos: tuple[str, ...] = ()

    @property
    def pattern(self) -> str:
        """One regular expression for all known messages."""
        return re.sub(
            "<([A-Z_]+)>", lambda name: getattr(patterns, name[1]), "|".join(self.patterns)
        )


# The table of failures is YAML, so this one failure cannot be in it.
WITHOUT_YAML = Failure(
    code="package-missing",
    types=("ModuleNotFoundError",),
    patterns=("No module named 'yaml'",),
    what="the package yaml is not installed.",
    consequence="The command cannot start.",
    cure="`teacher doctor` gives the exact pip line",
)


@cache
def known_failures() -> tuple[Failure, ...]:
    """Return the known failures; of those that match, the first counts."""
    try:
        return msgspec.yaml.decode(TABLE, type=tuple[Failure, ...])
    except ImportError:
        return (WITHOUT_YAML,)


def recognise(*chain: FailureFacts) -> Translation | None:
    """Return the message about a failure, or None when it is not a known one.

    Args:
        *chain: facts of the exception and of those that it was raised from. The order of the
            table decides among them: a library's wrapping may say more than the cause, or less.
    """
    for failure in known_failures():
        for facts in chain:
            match = _match(failure, facts)
            if match:
                return _fill_in(failure, match)
    return None


def _fill_in(failure: Failure, match: re.Match[str]) -> Translation:
    groups = match.groupdict(default="")
    return Translation(
        code=failure.code,
        what=failure.what.format(**groups),
        consequence=failure.consequence.format(**groups),
        cure=failure.cure.format(**groups),
    )


def _match(failure: Failure, facts: FailureFacts) -> re.Match[str] | None:
    if not set(failure.types) & set(facts.types):
        return None
    if failure.errnos and errno.errorcode.get(facts.errno or 0) not in failure.errnos:
        return None
    if failure.place and not any(re.search(failure.place, place) for place in facts.places):
        return None
    return re.search(failure.pattern, facts.message, re.IGNORECASE)
