"""Settings as options of `train-teacher`."""

from __future__ import annotations

from typing import Any

import msgspec

PANELS = ("Data", "Model", "Training", "Hardware", "Output")
DATA, MODEL, TRAINING, HARDWARE, OUTPUT = PANELS
"""Headings of `train-teacher --help`, in their order."""


class Option(msgspec.Struct, frozen=True):
    """Form of a setting on the command line."""

    panel: str
    """Heading of the help under which it stands."""
    metavar: str | None = None
    """Placeholder for the value in the help; None: that of the type."""
    flag: str | None = None
    """The option; None: the setting's name."""


def about(
    description: str,
    panel: str | None = None,
    metavar: str | None = None,
    flag: str | None = None,
    **limits: Any,
) -> msgspec.Meta:
    """Return a setting's description, limits, and with a panel its option; see `Option`."""
    option = {"option": Option(panel, metavar, flag)} if panel else None
    return msgspec.Meta(description=description, extra=option, **limits)
