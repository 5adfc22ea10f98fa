from typing import Any

import pytest

from train_teacher.reports.forgetting import RetainedScores, tell_of_forgetting
from train_teacher.scores.coco_scores import CocoScores


def scores(value: float | None) -> CocoScores:
    return CocoScores(value, value, value, value, value, value, (), ())


def retained(before: float | None, after: float | None, **facts: Any) -> RetainedScores:
    return RetainedScores(
        data="other.json",
        num_images=10,
        num_objects=20,
        before=scores(before),
        after=scores(after),
        limit=0.02,
        **facts,
    )


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (0.5, 0.49, "Kept what it knew of other.json: mAP 0.500 before, 0.490 after (-0.010)."),
        (0.5, 0.5, "Kept what it knew of other.json: mAP 0.500 before, 0.500 after (+0.000)."),
        (
            0.5,
            0.6,
            "Lost nothing on other.json, it even gained: mAP 0.500 before, 0.600 after (+0.100).",
        ),
        (0.5, 0.4, "WARNING: forgot of other.json: mAP 0.500 before, 0.400 after (-0.100), more"),
        (
            0.003,
            0.004,
            "other.json: mAP 0.003 before: forgetting is unknown, the base does not detect these "
            "objects.",
        ),
        (0.04, 0.0, "other.json: mAP 0.040 before: forgetting is unknown"),
        (None, None, "other.json has no object to score"),
    ],
)
def test_a_loss_beyond_the_limit_is_a_warning(
    before: float | None, after: float | None, words: str
) -> None:
    told = tell_of_forgetting(retained(before, after), "frozen")
    assert len(told) == 1
    assert told[0].startswith(words)


def test_a_frozen_run_is_pointed_to_lora_and_a_lora_run_to_its_switch() -> None:
    assert "--tune lora" in tell_of_forgetting(retained(0.5, 0.1), "frozen")[0]
    assert "switch the adapter off" in tell_of_forgetting(retained(0.5, 0.1), "lora")[0]


def test_the_switched_off_adapter_is_told_of() -> None:
    off = tell_of_forgetting(retained(0.5, 0.5, adapter_off_equal=True), "lora")
    assert off[1].endswith("exactly: a drop of 0.")
    broken = tell_of_forgetting(retained(0.5, 0.5, adapter_off_equal=False), "lora")
    assert broken[1].startswith("WARNING")
