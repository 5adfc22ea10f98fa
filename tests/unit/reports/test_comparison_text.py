from __future__ import annotations

from dataclasses import replace

from train_teacher.reports.comparison import Comparison, Row
from train_teacher.reports.comparison_text import SHOWN_CLASSES, render_comparison_text

COMPARISON = Comparison(
    names=("exp1", "a longer name"),
    settings=(Row("lr", ("0.0001", "0.0002")),),
    same_data=True,
    results=(Row("box mAP best", ("0.400", "0.500"), best=1), Row("steps", ("10", "10"))),
    classes=(Row("cat", ("0.1", "-"), best=0),),
)


def test_the_best_run_of_a_line_has_a_star_and_columns_stand_below_their_names() -> None:
    lines = render_comparison_text(COMPARISON).splitlines()

    assert lines[1].endswith("0.500*")
    assert "0.400*" not in lines[1]
    ends = [
        line.index(cell) + len(cell) for line, cell in zip(lines, ("exp1", "0.400"), strict=False)
    ]
    assert len(set(ends)) == 1


def test_runs_on_different_data_are_warned_of_before_any_number() -> None:
    text = render_comparison_text(replace(COMPARISON, same_data=False))

    assert text.startswith("warning: these runs were validated on different data")


def test_no_difference_is_said_in_words() -> None:
    assert "no setting differs" in render_comparison_text(replace(COMPARISON, settings=()))


def test_only_the_first_classes_are_listed() -> None:
    many = tuple(Row(f"class {n}", ("0.1", "0.2")) for n in range(SHOWN_CLASSES + 3))
    text = render_comparison_text(replace(COMPARISON, classes=many))

    assert f"class {SHOWN_CLASSES - 1} " in text
    assert f"class {SHOWN_CLASSES} " not in text
    assert "and 3 more classes (see --html)" in text
