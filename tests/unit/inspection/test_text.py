"""The report of a stranger's file on a terminal."""

from __future__ import annotations

import re

import msgspec

from demo_model import make_info
from train_teacher.inspection.facts import Example, Finding
from train_teacher.inspection.text import render_text

EVIL = "\x1b[2J\u202estar"


def test_no_name_in_the_report_commands_the_terminal() -> None:
    example = Example("images[0].file_name", file=EVIL, value=EVIL)
    finding = Finding("I1", "error", 1, f"{EVIL} is missing", EVIL, EVIL, (example,))
    info = msgspec.structs.replace(
        make_info((EVIL, "blue ring")), path=EVIL, exporter=EVIL, findings=(finding,)
    )
    text = render_text(info)
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert r"\u001b[2J\u202estar" in text
    assert re.sub(r"\x1b\[[\d;]*m", "", render_text(info, color=True)) == text
