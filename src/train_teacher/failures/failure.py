"""One known failure of the software below: how it is recognised and what to tell the user."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class FailureFacts:
    """What is known of an exception, without the exception itself."""

    types: tuple[str, ...]
    """Name of its class and of the bases, the class first."""
    message: str
    places: tuple[str, ...] = ()
    """Files of the traceback, with forward slashes, outermost call first."""
    errno: int | None = None
    """Error number of the system, for an OSError."""


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A failure that can occur though the tool did its part."""

    code: str
    types: tuple[str, ...]
    """The exception is one of these, or derived from one."""
    pattern: str = ""
    """Regular expression that is found in the message, whatever the case."""
    place: str = ""
    """Regular expression that is found in a file of the traceback."""
    errnos: tuple[int, ...] = ()
    """The system's error number is one of these; for none, it does not matter."""
    what: str
    """What happened; groups named in `pattern` are filled in."""
    consequence: str
    cure: str


@dataclass(frozen=True)
class Translation:
    """What to tell the user."""

    code: str
    what: str
    consequence: str
    cure: str
