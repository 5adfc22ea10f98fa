"""How `inspect-data --explain CODE` is written."""

from __future__ import annotations

import textwrap

from train_teacher.domain.explanations.explanation import Explanation

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
    told = explanation.cure == "Nothing to do." and not explanation.mends
    parts = [explanation.why, explanation.cure, "" if told else _MENDS[explanation.mends]]
    body = "\n\n".join(textwrap.fill(part, WIDTH) for part in parts if part)
    return f"{code.strip().upper()}  {explanation.title}\n\n{body}\n"
