from typing import Any

from demo_model import make_settings
from train_teacher.config.model import frozen_parts
from train_teacher.reports.verdict import ClassOutcome
from train_teacher.training.text import SHOWN_CLASSES, class_table, frozen_line


def test_the_class_that_changed_most_stands_first() -> None:
    table = class_table(
        [
            ClassOutcome("cat", 9, 9, 0.5, 0.51),
            ClassOutcome("dog", 9, 9, 0.6, 0.2),
            ClassOutcome("ghost", 9, 0, None, None),
            ClassOutcome("newt", 9, 9, 0.1, 0.4),
        ]
    )
    assert [line.split()[0] for line in table] == ["class", "dog", "newt", "cat"]
    assert table[1].split() == ["dog", "0.600", "0.200", "-0.400"]


def test_what_is_frozen_for_a_while_is_told_with_how_long() -> None:
    def line(**values: Any) -> str:
        settings = make_settings(tune="full", **values)
        return frozen_line(settings, frozen_parts(settings))

    assert line() == "nothing"
    assert line(unfreeze_at=3) == "nothing; until after epoch 3: backbone, encoder"
    frozen = line(unfreeze_at="plateau", schedule="plateau", freeze=["encoder"])
    assert frozen == "encoder; until the rate falls: backbone"


def test_without_scores_before_the_table_has_those_after() -> None:
    table = class_table([ClassOutcome("cat", 9, 9, None, 0.5), ClassOutcome("dog", 9, 9, None, 0)])
    assert table[1].split() == ["cat", "-", "0.500", "-"]


def test_many_classes_are_cut_and_one_needs_no_table() -> None:
    many = [ClassOutcome(f"c{i}", 9, 9, 0.1, 0.1 + i / 1000) for i in range(SHOWN_CLASSES + 7)]
    table = class_table(many)
    assert len(table) == SHOWN_CLASSES + 2
    assert table[1].split()[0] == f"c{SHOWN_CLASSES + 6}"
    assert table[-1].strip() == "... and 7 more in report.html"
    assert class_table(many[:1]) == []
