"""A run that does not fit onto its disk is refused before it starts."""

from __future__ import annotations

from train_teacher.mmdet_plugin.startup.disk_space import SMALL_FILES, RunBytes, too_little_space

GB = 10**9


def test_three_last_checkpoints_lie_on_the_disk_while_one_is_exchanged() -> None:
    size = RunBytes(saved=10, optimizer=20, adapter=5)
    assert size.needed() == 3 * (10 + 20) + 10 + 5 + SMALL_FILES


def test_a_full_disk_is_told_with_both_figures_and_the_cure() -> None:
    message = too_little_space("/runs/exp1", RunBytes(GB, 2 * GB), present=0, free=3 * GB)
    assert message is not None
    assert "/runs/exp1" in message
    assert "writes up to 10.0 GB" in message
    assert "3.0 GB are free" in message
    assert "Free 7.0 GB" in message
    assert "--output" in message


def test_checkpoints_that_will_be_replaced_need_no_further_space() -> None:
    size = RunBytes(GB, 2 * GB)
    assert too_little_space("exp1", size, present=7 * GB, free=4 * GB) is None
    assert too_little_space("exp1", size, present=0, free=4 * GB) is not None
