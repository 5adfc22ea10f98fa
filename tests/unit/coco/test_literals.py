"""Literals in text are read; other text is nothing."""

from __future__ import annotations

import pytest

from train_teacher.coco.literals import literal


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("[1, 2.5]", [1, 2.5]),
        ('{"x": null}', {"x": None}),
        (" {'x': (1, 2), 'y': None} ", {"x": [1, 2], "y": None}),
    ],
)
def test_a_text_of_json_or_python_spells_a_value(text: str, value: object) -> None:
    assert literal(text) == value


@pytest.mark.parametrize(
    "text", ["", "1 2", "a.png", "{1, 2}", "b'x'", "__import__('os')", "[" * 9999, "9" * 9999, "\0"]
)
def test_what_spells_no_value_is_nothing(text: str) -> None:
    assert literal(text) is None


def test_python_says_nothing_of_its_own_about_a_text(recwarn: pytest.WarningsRecorder) -> None:
    assert literal(r"'\d'") == r"\d"
    assert not recwarn.list
