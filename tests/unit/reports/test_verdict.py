"""The run in words says what the numbers say."""

from __future__ import annotations

import pytest

from train_teacher.reports.summary import summarize_run
from train_teacher.reports.verdict import ClassOutcome, Verdict, judge_run
from train_teacher.scores.bootstrap import Chance


def judged(*scores: float, classes: tuple[ClassOutcome, ...] = (), val_boxes: int = 500) -> Verdict:
    records = [
        {"kind": "val", "step": epoch, "coco/bbox_mAP": score} for epoch, score in enumerate(scores)
    ]
    return judge_run(summarize_run(records, []), classes, len(scores) - 1, val_boxes)


@pytest.mark.parametrize(
    ("scores", "worth_it", "words"),
    [
        ((0.3, 0.4, 0.5), True, "was worth it"),
        ((0.5, 0.5, 0.51), False, "changed little"),
        ((0.5, 0.4, 0.3), False, "best.pth holds the base weights"),
        ((), None, "Nothing was validated"),
    ],
)
def test_the_headline_tells_whether_it_was_worth_it(
    scores: tuple[float, ...], worth_it: bool | None, words: str
) -> None:
    verdict = judged(*scores)
    assert verdict.worth_it is worth_it
    assert words in verdict.headline


def test_without_a_base_validation_the_gain_is_unknown() -> None:
    records = [{"kind": "val", "step": 1, "coco/bbox_mAP": 0.5}]
    verdict = judge_run(summarize_run(records, []), (), 1, 500)
    assert verdict.worth_it is None
    assert "unknown" in verdict.headline


def test_a_curve_that_still_rises_asks_for_more_epochs_and_a_flat_one_does_not() -> None:
    assert "still rising" in " ".join(judged(0.1, 0.2, 0.3, 0.4).sentences)
    assert "still rising" not in " ".join(judged(0.1, 0.4, 0.4, 0.4, 0.401).sentences)


def test_a_curve_that_falls_after_its_best_epoch_is_called_learning_by_heart() -> None:
    assert "by heart" in " ".join(judged(0.1, 0.5, 0.4, 0.3).sentences)


def test_a_gain_that_chance_can_make_is_not_called_worth_it() -> None:
    records = [{"kind": "val", "step": i, "coco/bbox_mAP": s} for i, s in enumerate((0.1, 0.14))]
    summary = summarize_run(records, [])
    unsure = judge_run(
        summary, (), 1, 56, Chance(images=24, boxes=56, better=0.9, low=-0.01, high=0.08)
    )
    assert unsure.worth_it is None
    assert "on 56 boxes that can be chance" in unsure.headline
    sure = judge_run(
        summary, (), 1, 56, Chance(images=24, boxes=56, better=1.0, low=0.01, high=0.08)
    )
    assert sure.worth_it is True
    assert "rests on 56 boxes in 24 images" in sure.sentences[0]
    assert "between +0.010 and +0.080, and is a gain in 100 %" in sure.sentences[0]


def test_few_validation_boxes_make_the_scores_a_hint() -> None:
    assert "12 boxes only" in " ".join(judged(0.1, 0.5, val_boxes=12).sentences)


def test_classes_are_told_by_what_they_need() -> None:
    classes = (
        ClassOutcome("cat", 400, 90, 0.2, 0.8, 0.9),
        ClassOutcome("dog", 400, 90, 0.6, 0.5, 0.9),
        ClassOutcome("newt", 12, 9, 0.0, 0.1, 0.8),
        ClassOutcome("sprocket-7", 300, 50, 0.0, 0.3, 0.1),
        ClassOutcome("ghost", 3, 0, None, None),
    )
    text = "\n".join(judged(0.1, 0.5, classes=classes).sentences)
    assert "Gained most: cat 0.20 to 0.80" in text
    assert "Lost: dog 0.60 to 0.50" in text
    assert "Needs more labelled boxes: newt (12 boxes)" in text
    assert "'sprocket-7'" in text
    assert "'cat'" not in text
    assert "nothing is known of: ghost" in text
