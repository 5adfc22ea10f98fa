"""Rendering of templates to self-contained HTML files and to plain text."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

from train_teacher.core import words

if TYPE_CHECKING:
    from jinja2 import Environment

LONGEST_TEXT = 400
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def render_page(template: str, **shown: object) -> str:
    """Return a complete HTML document from a template, such as `reports/report.html.j2`.

    Every text in it is escaped, shortened to 400 characters where the template names no other
    length, and without what no HTML file may contain.
    """
    return _environment().get_template(template).render(shown)


def render_text(template: str, **shown: object) -> str:
    """Return a text from a template, with values unescaped."""
    environment = _environment().overlay(autoescape=False, finalize=None)
    return environment.get_template(template).render(shown)


@cache
def _environment() -> Environment:
    """Return the template environment: the loader and the filters."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("train_teacher", ""),
        autoescape=True,
        finalize=_shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    escape = environment.filters["escape"]
    environment.filters |= {
        "uncut": lambda value, longest=None: escape(_shown(value, longest)),
        "literal": repr,
        "count": "{:,}".format,
        "plural": words.plural,
        "score": words.score,
        "change": words.change,
        "duration": words.duration,
        "size": words.size,
    }
    return environment


def _shown(value: Any, longest: int | None = LONGEST_TEXT) -> Any:
    """Return text escaped for a page; HTML and other values are kept."""
    if not isinstance(value, str) or hasattr(value, "__html__"):
        return value
    if longest is not None:
        value = words.shortened(value, longest)
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", value)
