from __future__ import annotations

import pytest

from train_teacher.inspection.explanations.catalogue import CATALOGUE, explain
from train_teacher.inspection.explanations.text import render_explanation
from train_teacher.inspection.fix.records import WHAT_IS_DONE


@pytest.mark.parametrize("code", sorted(WHAT_IS_DONE))
def test_no_story_denies_what_fix_does(code: str) -> None:
    text = render_explanation(code, explain(code))

    assert "--fix" in text
    assert "Nobody but you" not in text


@pytest.mark.parametrize("code", CATALOGUE)
def test_no_command_is_broken_at_a_hyphen(code: str) -> None:
    lines = render_explanation(code, explain(code)).splitlines()

    assert [line for line in lines if line.endswith("-")] == []


@pytest.mark.parametrize("code", [c for c, one in CATALOGUE.items() if one.example])
def test_an_example_shows_wrong_and_right_line_by_line(code: str) -> None:
    text = render_explanation(code, explain(code))

    assert "\n  wrong  " in text
    assert "\n  right  " in text
