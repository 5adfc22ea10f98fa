"""Text of `inspect-data --explain CODE`."""

from __future__ import annotations

import textwrap

WIDTH = 80
_CURE = "## What to do"
_FENCE = "```"


def render_explanation(story: str) -> str:
    """Return a page as plain text: title, reason, example and cure, without the headings.

    Args:
        story: Markdown of docs/findings.
    """
    title, *blocks = story.strip().split("\n\n")
    at = blocks.index(_CURE)
    reason = " ".join(block for block in blocks[:at] if not block.startswith(("#", _FENCE)))
    examples = [block for block in blocks[:at] if block.startswith(_FENCE)]
    shown = [
        textwrap.indent("\n".join(block.splitlines()[1:-1]), "  ")
        if block.startswith(_FENCE)
        # A command that is broken at its hyphens cannot be copied.
        else textwrap.fill(block, WIDTH, break_on_hyphens=False)
        for block in (reason, *examples, *blocks[at + 1 :])
    ]
    return "\n\n".join([title.removeprefix("# ").replace(": ", "  ", 1), *shown]) + "\n"
