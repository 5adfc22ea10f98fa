"""The page of several runs: one color a run, and no name that becomes markup."""

from __future__ import annotations

import re
from typing import Any

from hypothesis import given

from page_reader import HOSTILE, SEVERAL_PAGES, assert_shown_as_text
from train_teacher.reports.comparison import ComparedRun, Comparison, Row
from train_teacher.reports.comparison_page import render_comparison
from train_teacher.reports.facts import RunReport
from train_teacher.reports.summary import RunSummary, summarize_cost
from train_teacher.reports.verdict import Verdict

RECORDS = [
    {"kind": "train", "step": 10, "loss": 9.0},
    {"kind": "train", "step": 20, "loss": 5.0},
]


def run_of(headline: str, records: Any = RECORDS) -> ComparedRun:
    report = RunReport(
        name="run",
        model="demo",
        tune="frozen",
        data="d.json",
        version="1",
        command="-",
        verdict=Verdict(None, headline, ()),
        summary=RunSummary(None, None, None),
        classes=(),
        cost=summarize_cost(records),
        splits=(),
        findings=(),
        settings={},
    )
    return ComparedRun(report, records)


def comparison_of(name: str = "first", **changes: Any) -> Comparison:
    row = Row(name, (name, "0.5"), best=1)
    values: dict[str, Any] = {
        "names": (name, "second"),
        "settings": (row,),
        "same_data": True,
        "results": (row,),
        "classes": (row,),
        **changes,
    }
    return Comparison(**values)


@SEVERAL_PAGES
@given(HOSTILE)
def test_any_name_in_a_comparison_is_shown_as_text(text: str) -> None:
    html, harmless = (
        render_comparison(comparison_of(name), [run_of(name), run_of("second")])
        for name in (text, "harmless")
    )
    assert_shown_as_text(html, text, harmless)


def test_the_best_value_of_a_line_is_marked_and_no_other() -> None:
    html = render_comparison(comparison_of(), [run_of("good"), run_of("better")])
    assert re.findall(r'<td class="n top">([^<]*)</td>', html) == ["0.5", "0.5", "0.5"]


def test_a_run_without_a_curve_keeps_its_colour_in_the_legend() -> None:
    html = render_comparison(comparison_of(), [run_of("empty", []), run_of("full")])
    (figure,) = re.findall(r"<figure><h3>Loss</h3>.*?</figure>", html, re.DOTALL)
    assert 'class="line s1" points' in figure
    assert 'class="line s0" points' not in figure
    assert re.findall(r'class="line (s\d)" d=.*?</svg>(\w+)', figure) == [
        ("s0", "first"),
        ("s1", "second"),
    ]


def test_scores_of_other_data_are_warned_of_and_hidden_classes_counted() -> None:
    rows = tuple(Row(f"class {n}", ("-", "-")) for n in range(1302))
    html = render_comparison(
        comparison_of(same_data=False, classes=rows, settings=()), [run_of("a"), run_of("b")]
    )
    assert "scores cannot be compared" in html
    assert "and 1,002 more classes" in html
    assert "class 299<" in html
    assert "class 300<" not in html
    assert "the runs differ only by noise" in html
