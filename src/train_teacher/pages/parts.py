"""Pieces of the HTML pages of runs: tables, cards, lists of facts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from train_teacher.pages.page import safe

SHORT = 12
"""Rows of a table that is not torn apart between two printed pages."""
LONGEST_HEAD = 30
"""Characters of a column's name in a matrix, where it stands upright."""
FULLEST = 70
"""Percent of the colour that a cell of a matrix has at most, so that its number can be read."""
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
    kind = ' class="short"' if len(body) <= SHORT else ""
    return (
        f'<div class="wide"><table{kind}><thead><tr>{head}</tr></thead>'
        f"<tbody>{lines}</tbody></table></div>"
    )


def _is_number(text: str) -> bool:
    return text in ("-", "") or NUMBER.fullmatch(text) is not None


def matrix(
    rows: Sequence[str], columns: Sequence[str], counts: Sequence[Sequence[int]], corner: str
) -> str:
    """Return counts as a table whose cells are the fuller of colour the larger their share.

    Args:
        rows: names, plain text.
        columns: names, plain text.
        counts: of each row and column.
        corner: what rows and columns are, plain text.
    """
    heads = "".join(f"<th><span>{safe(name, LONGEST_HEAD)}</span></th>" for name in columns)
    lines = []
    for name, row in zip(rows, counts, strict=True):
        whole = max(sum(row), 1)
        cells = "".join(
            f'<td style="--share:{FULLEST * count / whole:.0f}%">{count:,}</td>'
            if count
            else "<td></td>"
            for count in row
        )
        lines.append(f"<tr><th>{safe(name)}</th>{cells}</tr>")
    return (
        f'<div class="wide"><table class="matrix short"><thead><tr><th>{safe(corner)}</th>{heads}'
        f"</tr></thead><tbody>{''.join(lines)}</tbody></table></div>"
    )


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
        title: plain text, empty for none.
        content: HTML.
        note: plain text below.
    """
    caption = f"<figcaption>{safe(note)}</figcaption>" if note else ""
    heading = f"<h3>{safe(title)}</h3>" if title else ""
    return f"<figure>{heading}{content}{caption}</figure>"


STYLE = """
body { max-width: 72rem }
.facts { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: .2rem 1rem;
         margin: 1rem 0 } .facts dt { color: var(--quiet) }
.facts dd { margin: 0; overflow-wrap: anywhere }
.verdict { font-size: 1.15rem; font-weight: 600; padding: .6rem .9rem; border-radius: 8px;
           background: var(--block); border-left: 5px solid var(--good); margin-bottom: .4rem }
.verdict.bad { border-color: var(--error) } .verdict.unknown { border-color: var(--warning) }
.charts, .images { display: grid; gap: 1.5rem 2rem;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 20rem), 1fr)) }
.charts h3 { font-size: 1rem; margin: 0 0 .3rem } .charts figure { margin: 0 }
figcaption { font-size: .88rem; color: var(--quiet); overflow-wrap: anywhere }
.images { grid-template-columns: repeat(auto-fill, minmax(min(100%, 17rem), 1fr)) }
.images figure { margin: 0 } .images img { border-radius: 4px; display: block }
.images h3 { font-size: .95rem; margin: 0 0 .2rem }
pre { white-space: pre; font-size: .85rem } code { overflow-wrap: anywhere }
td { max-width: 32rem } .same { color: var(--quiet) }
details summary { cursor: pointer } details { margin: .5rem 0 }
.beside { display: grid; gap: 1rem 2rem; align-items: start;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 24rem), 1fr)) }
.beside figure { margin: 0; max-width: 36rem }
.settings table { width: 100% } .settings td:nth-child(2) { overflow-wrap: anywhere }
@media (min-width: 36rem) { .settings td:nth-child(2), .settings td:nth-child(4) {
  min-width: 12rem } .settings td:nth-child(3) { min-width: 6rem } }
.matrix { min-width: 0 } .matrix td, .matrix th { padding: .3rem .5rem; vertical-align: bottom }
.matrix td { text-align: right; font-variant-numeric: tabular-nums; min-width: 2.6rem;
  background: color-mix(in srgb, var(--accent) var(--share, 0%), transparent);
  print-color-adjust: exact; -webkit-print-color-adjust: exact }
.matrix tbody th { text-align: left; font-weight: 400 }
.matrix thead th:not(:first-child) span { writing-mode: vertical-rl; transform: rotate(180deg);
  white-space: nowrap; font-weight: 400 }
@media (max-width: 36rem) { .matrix td, .matrix th { padding: .2rem .25rem } .matrix td {
  min-width: 1.6rem } }
@media print { pre { white-space: pre-wrap }
  details::details-content { content-visibility: visible; block-size: auto }
  .images { display: block } .images figure { display: inline-block; width: 32%;
  vertical-align: top; margin: 0 .5% 1rem 0 } .charts { grid-template-columns: 1fr 1fr }
  .verdict, .scores div { print-color-adjust: exact; -webkit-print-color-adjust: exact } }
"""
