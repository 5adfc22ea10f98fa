"""Runs beside each other: what differs, which is best, and what cannot be compared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from finished_runs import compare, write_run
from train_teacher.core.errors import UsageError, UserError
from train_teacher.reports.compare import read_runs
from train_teacher.reports.comparison_page import render_comparison
from train_teacher.reports.comparison_text import render_comparison_text


def test_settings_that_differ_and_the_better_run_are_told(tmp_path: Path) -> None:
    runs = [write_run(tmp_path / "a", 0.4, lr=1e-4), write_run(tmp_path / "b", 0.5, lr=2e-4)]
    compared = compare(runs)
    text = render_comparison_text(compared)
    assert [row.name for row in compared.settings] == ["lr"]
    assert "0.500*" in text
    assert "0.400*" not in text
    html = render_comparison(compared, read_runs(runs))
    assert "&lt;b&gt;blue" in html
    assert "<b>blue" not in html


def test_equal_runs_have_no_best_and_say_that_nothing_differs(tmp_path: Path) -> None:
    compared = compare([write_run(tmp_path / "a", 0.4), write_run(tmp_path / "b", 0.4)])
    assert all(row.best is None for row in compared.results)
    assert "no setting differs" in render_comparison_text(compared)


def test_runs_on_other_classes_are_not_compared_in_silence(tmp_path: Path) -> None:
    runs = [write_run(tmp_path / "a", 0.4), write_run(tmp_path / "b", 0.5, ("cat", "dog"))]
    compared = compare(runs)
    assert "cannot be compared" in render_comparison_text(compared)
    scores = [row for row in compared.results if "mAP" in row.name or row.name == "gain"]
    assert [row.best for row in (*scores, *compared.classes)] == [None] * len(
        (*scores, *compared.classes)
    )


def test_one_run_is_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="at least two"):
        compare([write_run(tmp_path / "a", 0.4)])


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda run: (run / "results.json").unlink(), "--resume"),
        (lambda run: (run / "mmdet_config.py").unlink(), "no run folder"),
        (lambda run: (run / "results.json").write_text("{"), "cannot be read"),
        (lambda run: (run / "results.json").write_text('{"format": 9}'), "is newer than this"),
    ],
)
def test_a_folder_that_cannot_be_compared_is_named(tmp_path: Path, spoil: Any, words: str) -> None:
    good, bad = write_run(tmp_path / "a", 0.4), write_run(tmp_path / "b", 0.4)
    spoil(bad)
    with pytest.raises(UserError, match=words) as caught:
        compare([good, bad])
    assert str(bad) in str(caught.value)
