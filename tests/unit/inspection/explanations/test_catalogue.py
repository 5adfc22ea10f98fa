from __future__ import annotations

import re
from itertools import groupby
from pathlib import Path

import pytest

from train_teacher.core.errors import UsageError
from train_teacher.inspection.explanations.catalogue import explain, stories
from train_teacher.inspection.fix.records import WHAT_IS_DONE

SOURCE = Path(__file__).parents[4] / "src" / "train_teacher"
NEVER_REPORTED = ("Never a finding.", "Never reported.")


def reported() -> set[str]:
    """Return the codes that checks give their findings, and those that stop the reader."""
    checks = "".join(p.read_text() for p in (SOURCE / "inspection" / "checks").rglob("*.py"))
    reader = "".join(path.read_text() for path in (SOURCE / "coco").glob("*.py"))
    return {*re.findall(r'"([A-Z]\d{1,2})"', checks), *re.findall(r": ([A-Z]\d{1,2}) ", reader)}


def test_every_code_that_is_reported_has_its_story() -> None:
    assert len(reported()) > 70
    assert reported() <= set(stories())


def test_every_story_is_of_a_code_that_is_reported_unless_it_says_never() -> None:
    told = {code: " ".join(explain(code).split()) for code in stories()}
    silent = {code for code, story in told.items() if any(s in story for s in NEVER_REPORTED)}

    assert set(stories()) - reported() == silent


def test_every_series_counts_from_1_without_a_gap() -> None:
    for _, codes in groupby(stories(), key=lambda code: code[0]):
        numbers = [int(code[1:]) for code in codes]

        assert numbers == list(range(1, len(numbers) + 1))


def test_a_story_is_named_after_its_code() -> None:
    assert [c for c in stories() if not explain(c.lower()).startswith(f"# {c}: ")] == []


def test_a_story_tells_of_fix_what_fix_does() -> None:
    told = {c for c in stories() if "--fix" in explain(c) and "Nobody but you" not in explain(c)}

    assert told == set(WHAT_IS_DONE)


def test_an_unknown_code_is_wrong_usage_with_the_nearest_and_all_series() -> None:
    with pytest.raises(UsageError, match=r"did you mean R9.* Codes: B1-B\d+, D1-D\d+, F1-F\d+, "):
        explain("R99")


def test_a_path_is_no_code() -> None:
    with pytest.raises(UsageError, match="there is no such code"):
        explain("../findings/R1")
