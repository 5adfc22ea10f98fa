"""Names from a stranger's file command no terminal."""

from __future__ import annotations

import pytest

from train_teacher.core.terminal_text import plain


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("\x1b[2Jstar", r"\u001b[2Jstar"),
        ("\x1b]0;title\x07", r"\u001b]0;title\u0007"),
        ("overwritten\rerror", r"overwritten\u000derror"),
        ("\x9b31m", r"\u009b31m"),
        ("gnp.\u202ecod", r"gnp.\u202ecod"),
    ],
)
def test_what_a_terminal_would_obey_is_written_out(name: str, shown: str) -> None:
    assert plain(name) == shown


@pytest.mark.parametrize(
    "name", ["Łódź", "红色 星", "שלום", "a\tb\nc", "👩\u200d🔧", "no\u00a0break"]
)
def test_every_alphabet_stays_as_it_is(name: str) -> None:
    assert plain(name) == name
