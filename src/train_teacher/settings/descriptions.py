"""Descriptions of the settings, in a sentence, and their command-line options."""

from __future__ import annotations

from typing import get_args

from msgspec import Meta

from train_teacher.settings.option import Option
from train_teacher.settings.schema import FIELD_TYPES


def _described(name: str) -> Meta:
    metas = [meta for meta in get_args(FIELD_TYPES[name])[1:] if isinstance(meta, Meta)]
    return next(meta for meta in metas if meta.description)


def field_help(name: str) -> str:
    """Return the one-sentence description of a setting."""
    return str(_described(name).description)


def field_options() -> dict[str, Option]:
    """Return how settings are given on the command line, by name and in the schema's order."""
    extras = {name: _described(name).extra or {} for name in FIELD_TYPES}
    return {name: extra["option"] for name, extra in extras.items() if "option" in extra}
