"""Values that were written as text: JSON, or Python literals."""

from __future__ import annotations

import ast
import json
import warnings
from typing import Any


def literal(text: str) -> Any:
    """Return the value of a literal, tuples as lists; None when the text is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of signs that Python reads in an old-fashioned way
            return json.loads(json.dumps(ast.literal_eval(text.strip())))
    except (SyntaxError, TypeError, ValueError, RecursionError, MemoryError):
        return None
