"""An evaluation says what was scored, and a dash where nothing could be."""

from __future__ import annotations

import json

import msgspec

from train_teacher.evaluation.evaluate import Evaluation, KeptBoxes
from train_teacher.evaluation.text import render_evaluation, render_evaluation_json
from train_teacher.scores.coco_scores import (
    ClassScores,
    CocoScores,
    SizeScores,
)
from train_teacher.scores.thresholds import ClassThreshold

SCORES = CocoScores(
    average_precision=0.4567,
    average_precision_50=0.7,
    average_precision_75=0.5,
    average_recall_1=0.3,
    average_recall_10=0.5,
    average_recall_100=0.6,
    sizes=(SizeScores("small", None, None), SizeScores("large", 0.5, 0.6)),
    classes=(ClassScores("cat", 1200, 0.5, 0.75, 0.6), ClassScores("dog", 0, None, None, None)),
)
EVALUATION = Evaluation(
    teacher="exp1",
    data="val.json",
    weights="base",
    num_images=1000,
    num_objects=1200,
    prompt=("cat", "dog"),
    scores=SCORES,
    masks=SCORES,
    num_without_mask=3,
)


def test_scores_stand_by_size_and_class_with_a_dash_where_there_are_no_objects() -> None:
    lines = render_evaluation(EVALUATION).splitlines()
    assert "boxes: mAP 0.457   mAP50 0.700   mAP75 0.500" in lines
    assert "by size  small AP - AR -   large AP 0.500 AR 0.600" in lines
    assert "cat      1,200  0.500  0.750  0.600" in lines
    assert "dog          0      -      -      -" in lines


def test_a_phrase_stands_beside_the_name_of_its_class() -> None:
    read = msgspec.structs.replace(EVALUATION, prompt=("house pet", "dog"))
    rows = [line for line in render_evaluation(read).splitlines() if line.startswith("cat")]
    assert [row.split("  ")[0] for row in rows] == ['cat ("house pet")'] * 2


def test_it_says_which_weights_and_what_masks_leave_out() -> None:
    text = render_evaluation(EVALUATION)
    assert "exp1 (base, nothing of the training)" in text
    assert "masks: mAP 0.457" in text
    assert "3 objects have no mask" in text


def test_the_json_has_every_score_unrounded() -> None:
    content = json.loads(render_evaluation_json(EVALUATION))
    assert content["scores"]["average_precision"] == 0.4567
    assert content["scores"]["classes"][1]["average_precision"] is None


def test_what_a_precision_keeps_stands_beside_what_was_promised() -> None:
    def threshold(score: float, *, common: bool, reached: bool) -> ClassThreshold:
        counts = {"kept": 40, "right": 39, "precision_at_least": 0.91}
        return ClassThreshold(score=score, common=common, reached=reached, **counts)

    kept = (
        KeptBoxes("cat", threshold(0.5, common=False, reached=False), 1200, 1000, 950),
        KeptBoxes("dog", threshold(0.4, common=True, reached=True), 0, 0, 0),
    )
    lines = render_evaluation(msgspec.structs.replace(EVALUATION, kept=kept)).splitlines()
    assert [line.split(maxsplit=7) for line in lines[-2:]] == [
        ["cat", "0.5000", "1,000", "950", "0.950", "0.910", "0.792", "not reached: its best"],
        ["dog", "0.4000", "0", "0", "-", "0.910", "-", "score of all classes"],
    ]
