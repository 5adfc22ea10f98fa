"""How a setting becomes an option of `train-teacher`."""

from __future__ import annotations

import msgspec

PANELS = ("Data", "Model", "Training", "Hardware", "Output")
DATA, MODEL, TRAINING, HARDWARE, OUTPUT = PANELS
"""Headings of `train-teacher --help`, in their order."""


class Option(msgspec.Struct, frozen=True):
    """How a setting is given on the command line."""

    panel: str
    """Heading of the help under which it stands."""
    metavar: str | None = None
    """What stands for the value in the help; None: what the type says."""
    flag: str | None = None
    """The option; None: the setting's name."""


def option(panel: str, metavar: str | None = None, flag: str | None = None) -> dict[str, Option]:
    """Return the metadata that makes an option of a setting; see `Option`."""
    return {"option": Option(panel, metavar, flag)}
