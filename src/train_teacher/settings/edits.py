"""Edits of a generated config as settings.yaml keeps them: Python literals, which are data."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any


def edited_values(edited: Mapping[str, str]) -> dict[str, Any]:
    """Return the values of edits, `...` for what was removed.

    Raises:
        ValueError: one is no Python literal.
    """
    try:
        return {key: ast.literal_eval(text) for key, text in edited.items()}
    except SyntaxError as error:
        raise ValueError(str(error)) from error
