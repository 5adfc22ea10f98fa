"""Pieces of the HTML pages of runs: tables, cards, lists of facts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from train_teacher.domain.page_style import safe

NUMBER = re.compile(r"[-+]?[\d,]+(\.\d+)?%?")


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table that scrolls by itself; columns of numbers are set to the right.

    Args:
        header: plain text.
        rows: plain text.
    """
    body = [tuple(row) for row in rows]
    numeric = [
        all(_is_number(row[column]) for row in body) and bool(body) for column in range(len(header))
    ]
    kinds = [' class="n"' if number else "" for number in numeric]
    head = "".join(f"<th{k}>{safe(h)}</th>" for h, k in zip(header, kinds, strict=True))
    lines = "".join(
        "<tr>"
        + "".join(f"<td{k}>{safe(c)}</td>" for c, k in zip(row, kinds, strict=True))
        + "</tr>"
        for row in body
    )
    return f'<div class="wide"><table><tr>{head}</tr>{lines}</table></div>'


def _is_number(text: str) -> bool:
    return text in ("-", "") or NUMBER.fullmatch(text) is not None


def card(label: str, value: str, note: str = "") -> str:
    """Return one number in large type."""
    return f'<div>{safe(label)}<b>{safe(value)}</b><span class="quiet">{safe(note)}</span></div>'


def facts(pairs: Iterable[tuple[str, str]]) -> str:
    """Return names and values in two columns."""
    rows = "".join(f"<dt>{safe(name)}</dt><dd>{safe(value)}</dd>" for name, value in pairs)
    return f'<dl class="facts">{rows}</dl>'


def figure(title: str, content: str, note: str = "") -> str:
    """Return a chart with its title.

    Args:
        title: plain text.
        content: HTML.
        note: plain text below.
    """
    caption = f"<figcaption>{safe(note)}</figcaption>" if note else ""
    return f"<figure><h3>{safe(title)}</h3>{content}{caption}</figure>"


def score(value: float | None) -> str:
    """Return an average precision, a dash where there is none."""
    return "-" if value is None else f"{value:.3f}"


def change(value: float | None) -> str:
    """Return a difference with its sign."""
    return "-" if value is None else f"{value:+.3f}"


def duration(seconds: float | None) -> str:
    """Return a time span as people say it."""
    if seconds is None:
        return "-"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:  # noqa: PLR2004 - a minute
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def size(count: int) -> str:
    """Return a number of bytes as people say it."""
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= factor:
            return f"{count / factor:.1f} {unit}"
    return f"{count} bytes"


STYLE = """
body { max-width: 72rem }
.facts { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: .2rem 1rem;
         margin: 1rem 0 } .facts dt { color: var(--quiet) }
.facts dd { margin: 0; overflow-wrap: anywhere }
.verdict { font-size: 1.15rem; font-weight: 600; padding: .6rem .9rem; border-radius: 8px;
           background: var(--block); border-left: 5px solid var(--good); margin-bottom: .4rem }
.verdict.bad { border-color: var(--error) } .verdict.unknown { border-color: var(--warning) }
.charts, .pictures { display: grid; gap: 1.5rem 2rem;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 20rem), 1fr)) }
.charts h3 { font-size: 1rem; margin: 0 0 .3rem } .charts figure { margin: 0 }
figcaption { font-size: .88rem; color: var(--quiet); overflow-wrap: anywhere }
.pictures { grid-template-columns: repeat(auto-fill, minmax(min(100%, 17rem), 1fr)) }
.pictures figure { margin: 0 } .pictures img { border-radius: 4px; display: block }
.pictures h3 { font-size: .95rem; margin: 0 0 .2rem }
pre { white-space: pre; font-size: .85rem } code { overflow-wrap: anywhere }
td { max-width: 32rem } .same { color: var(--quiet) }
details summary { cursor: pointer } details { margin: .5rem 0 }
@media print { details { display: block } }
"""
