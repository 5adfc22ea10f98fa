from __future__ import annotations

import re
from pathlib import Path

import pytest

from train_teacher.core.errors import UsageError
from train_teacher.inspection.explanations.catalogue import CATALOGUE, explain
from train_teacher.inspection.explanations.text import WIDTH, render_explanation
from train_teacher.inspection.fix.records import WHAT_IS_DONE

SOURCE = Path(__file__).parents[4] / "src" / "train_teacher"
SERIES = {"F": 10, "R": 10, "N": 13, "B": 17, "M": 8, "I": 12, "D": 11}


def test_every_code_has_its_story() -> None:
    assert set(CATALOGUE) == {f"{s}{n}" for s, last in SERIES.items() for n in range(1, last + 1)}


def test_every_code_that_is_reported_is_in_the_catalogue() -> None:
    text = "".join(path.read_text() for path in (SOURCE / "inspection" / "checks").glob("*.py"))
    reported = set(re.findall(r'"([FRNBMID]\d{1,2})"', text))

    assert len(reported) > 60
    assert reported <= set(CATALOGUE)


def test_what_is_told_of_fix_is_what_fix_does() -> None:
    told = {code for code, one in CATALOGUE.items() if one.mends in ("fix", "both")}

    # These are repaired in the cases that their story names.
    assert told | {"R1", "R4", "R6", "B5", "I3"} == set(WHAT_IS_DONE)


@pytest.mark.parametrize("code", CATALOGUE)
def test_a_story_is_complete_and_fits_the_terminal(code: str) -> None:
    text = render_explanation(code.lower(), explain(code.lower()))

    assert text.startswith(f"{code}  ")
    assert len(text.splitlines()) >= 5
    assert max(map(len, text.splitlines())) <= WIDTH


def test_an_unknown_code_is_wrong_usage_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="did you mean R1"):
        explain("R11")
