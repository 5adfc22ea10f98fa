"""How `inspect-data --explain CODE` is written."""

from __future__ import annotations

import textwrap

from train_teacher.inspection.explanations.explanation import Explanation

WIDTH = 80
_MENDS = {
    "": "Nobody but you can decide this: neither training nor --fix changes it.",
    "copies": "train-teacher repairs it in its own copies of the data (exp1/data).",
    "fix": "inspect-data DATA.json --fix OUT.json writes a repaired copy.",
    "both": "train-teacher repairs it in its own copies of the data (exp1/data), and "
    "inspect-data DATA.json --fix OUT.json in a copy for you.",
}


def render_explanation(code: str, explanation: Explanation) -> str:
    """Return title, reason and cure of one code.

    Args:
        code: as the user wrote it.
        explanation: its story.
    """
    told = not explanation.mends and (
        explanation.cure == "Nothing to do." or "--fix" in explanation.cure
    )
    parts = [explanation.why, explanation.cure, "" if told else _MENDS[explanation.mends]]
    # A command that is broken at its hyphens cannot be copied.
    paragraphs = [textwrap.fill(p, WIDTH, break_on_hyphens=False) for p in parts if p]
    if explanation.example:
        paragraphs.insert(1, textwrap.indent(explanation.example, "  "))
    body = "\n\n".join(paragraphs)
    return f"{code.strip().upper()}  {explanation.title}\n\n{body}\n"
