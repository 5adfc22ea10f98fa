"""Whether Python files beside settings, runs and bundles may be run: only if the user says so."""

from __future__ import annotations

from contextvars import ContextVar

OPTION = "--allow-python-config"
CURE = (
    f"If you know who wrote it and trust them, give {OPTION} (train-teacher, teacher evaluate, "
    "predict and export have it)."
)

_allowed: ContextVar[bool] = ContextVar("python_files_allowed", default=False)


def python_files_allowed() -> bool:
    """Return whether the user allowed it for this command; nothing that is read can."""
    return _allowed.get()


def allow_python_files(allowed: bool) -> bool:
    """Allow it or not from now on, and return which: the callback of the option."""
    _allowed.set(allowed)
    return allowed
