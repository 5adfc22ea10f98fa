"""Permission to run Python files beside settings, runs and bundles: only the user can give it."""

from __future__ import annotations

from contextvars import ContextVar

OPTION = "--allow-python-config"
CURE = (
    f"If you trust its author, give {OPTION} (train-teacher, teacher evaluate, "
    "predict and export have it)."
)

_allowed: ContextVar[bool] = ContextVar("python_files_allowed", default=False)


def python_files_allowed() -> bool:
    """Return whether the user allowed it for this command; no file that is read can."""
    return _allowed.get()


def allow_python_files(allowed: bool) -> bool:
    """Set whether it is allowed, and return it: the callback of the option."""
    _allowed.set(allowed)
    return allowed
