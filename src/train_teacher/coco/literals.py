"""Values that were written as text: JSON, or what Python prints."""

from __future__ import annotations

import ast
import json
from typing import Any


def literal(text: str) -> Any:
    """Return the value that a text spells, tuples as lists; None when it spells none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    try:
        return json.loads(json.dumps(ast.literal_eval(text.strip())))
    except (SyntaxError, TypeError, ValueError, RecursionError, MemoryError):
        return None
