from __future__ import annotations

import msgspec
import pytest

from demo_model import make_info
from train_teacher.inspection.facts import DatasetInfo, Finding, TrainedInfo
from train_teacher.inspection.words import (
    boxes_in_images,
    dropped_classes,
    group_findings,
    name_as_read,
    name_in_file,
    verdict,
)


def finding(code: str, severity: str, split: str | None = None, message: str = "m") -> Finding:
    return Finding(code, severity, 1, message, "c", "f", split=split)  # type: ignore[arg-type]  # a word of the table


def info_with(*findings: Finding, boxes: int = 9) -> DatasetInfo:
    trained = TrainedInfo(images=3, boxes=boxes, dropped={})
    return msgspec.structs.replace(make_info(), findings=findings, trained=trained)


def test_the_same_said_of_several_files_is_one_group() -> None:
    found = [
        finding("B1", "error", "train"),
        finding("B2", "warning"),
        finding("B1", "error", "val"),
        finding("B1", "error", "test", message="another"),
    ]

    assert group_findings(found) == [(0, 2), (1,), (3,)]


@pytest.mark.parametrize(
    ("findings", "ready", "sentence"),
    [
        ([], True, "No errors and no warnings: ready to train."),
        ([finding("B1", "info")], True, "No errors and no warnings: ready to train."),
        ([finding("B1", "error"), finding("B1", "error", "val")], False, "1 error: not ready"),
        (
            [finding("B1", "error"), finding("B2", "error"), finding("B3", "warning")],
            False,
            "2 errors and 1 warning: not ready to train.",
        ),
        ([finding("B3", "warning")], True, "No errors, 1 warning: ready to train, once you"),
    ],
)
def test_the_verdict_counts_kinds_not_files(
    findings: list[Finding], ready: bool, sentence: str
) -> None:
    told = verdict(info_with(*findings))

    assert told[0] == ready
    assert told[1].startswith(sentence)


def test_without_a_box_there_is_nothing_to_train() -> None:
    assert verdict(info_with(boxes=0)) == (False, "No box would be trained: not ready to train.")


def test_a_class_is_called_as_its_file_does_and_read_as_the_user_said() -> None:
    info = make_info(("masked animal", "dog"))
    given = msgspec.structs.replace(info, original_names=("raccoon", "dog"))

    assert name_in_file(given, 0) == "raccoon"
    assert name_as_read(given, 0) == "masked animal"
    assert name_in_file(info, 0) == "masked animal"


def test_boxes_are_counted_with_their_images() -> None:
    split = msgspec.structs.replace(
        make_info().splits[0], boxes_per_class=(1200, 0), images_per_class=(700, 0)
    )

    assert [boxes_in_images(split, n) for n in (0, 1)] == ["1,200 in 700", "0"]


def test_the_classes_left_out_most_are_named_first() -> None:
    counts = {"a": 1, "b": 4000, "c": 2, "d": 3}
    trained = TrainedInfo(1, 1, {"crowd": 4006}, {"crowd": counts})

    assert dropped_classes(trained, "crowd") == " (b 4,000, d 3, c 2, ... (4 classes))"
    assert dropped_classes(trained, "ignore") == ""
