"""What the HTML pages share: colours for light and dark, the frame of a page, escaping."""

from __future__ import annotations

import re
from html import escape

STYLE = """
:root { color-scheme: light dark; --text: #1c1c1e; --paper: #fff; --line: #d8d8dc;
  --faint: #ececf0; --quiet: #63636a; --block: #f5f5f7; --accent: #2f6fb0; --mark: #e8a33d;
  --error: #b3261e; --warning: #8a5a00; --info: #2b5f8a; --good: #1c7a3c }
@media (prefers-color-scheme: dark) { :root { --text: #ececf0; --paper: #17171a; --line: #3c3c42;
  --faint: #2b2b30; --quiet: #a2a2aa; --block: #222226; --accent: #6ba6e0; --mark: #b9812c;
  --error: #ff8a80; --warning: #f0bd5a; --info: #8fc0ea; --good: #7fd39a } }
* { box-sizing: border-box }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
       color: var(--text); background: var(--paper); overflow-wrap: break-word }
a { color: var(--accent) }
h1 { margin-bottom: 0; line-height: 1.2 }
h2 { margin-top: 2.2rem; border-bottom: 1px solid var(--line) }
.scores { display: flex; flex-wrap: wrap; gap: 1rem; margin: 1rem 0 }
.scores div { flex: 1 1 9rem; padding: .7rem 1rem; border: 1px solid var(--line);
              border-radius: 8px }
.scores b { display: block; font-size: 1.7rem; line-height: 1.2 }
.wide { overflow-x: auto }
table { border-collapse: collapse; min-width: 50% }
td, th { padding: .25rem .9rem .25rem 0; text-align: left; vertical-align: top;
         border-bottom: 1px solid var(--faint) }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums }
td { overflow-wrap: break-word; unicode-bidi: isolate }
img { max-width: 100%; height: auto }
pre { overflow-x: auto; background: var(--block); padding: .8rem }
figure { margin: 1rem 0 } .quiet { color: var(--quiet) }
.wide { margin: .6rem 0 } pre.wide { margin: 1rem 0 }
@media (max-width: 36rem) { body { margin: 1rem auto; padding: 0 .7rem }
  td, th { padding: .25rem .45rem .25rem 0; font-size: .82rem } table { min-width: 100% } }
@media print { body { margin: 0; max-width: none } figure, tr, .short, .scores {
  break-inside: avoid } h1, h2, h3, h2 + p, h2 + p.quiet { break-after: avoid }
  .wide, pre { overflow: visible } pre { white-space: pre-wrap } table { min-width: 0 } }
"""
# A name that slipped through unescaped could still not run or load anything.
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
LONGEST_TEXT = 400
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def page(title: str, body: str, style: str = "") -> str:
    """Return a complete document.

    Args:
        title: as plain text.
        body: HTML.
        style: CSS after the common one.
    """
    return (
        f'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{safe(title)}</title>\n<style>{STYLE}{style}</style>\n{body}\n</html>\n"
    )


def safe(text: str, longest: int = LONGEST_TEXT) -> str:
    """Return text as HTML: escaped, shortened, without what no HTML file may contain.

    Args:
        text: anything a file may hold.
        longest: characters kept.
    """
    shown = text if len(text) <= longest else text[: longest - 3] + "..."
    return escape(_CONTROL.sub("\N{REPLACEMENT CHARACTER}", shown))
