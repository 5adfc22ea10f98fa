"""The report shows what the base and the best epoch found beside what is labelled."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from train_teacher.reports import images
from train_teacher.reports.images import Seen, ValidationImages
from train_teacher.scores.analysis import analyse
from train_teacher.scores.detections import Detections, GroundTruth
from train_teacher.scores.validation_files import ValidationTruth

NAMES = ("cat", "dog")
TRUTH = GroundTruth(
    image_id=np.array([1, 1, 2]),
    label=np.array([0, 1, 1]),
    box=np.array([[5.0, 5, 25, 25], [40, 5, 60, 25], [5, 5, 50, 40]]),
    crowd=np.zeros(3, np.bool_),
    image_ids=np.array([1, 2, 3]),
)
EXACT = Detections(TRUTH.image_id, TRUTH.label, np.array([0.9, 0.8, 0.7]), TRUTH.box)
WRONG = Detections(
    np.array([1] * 90),
    np.array([0] * 90),
    np.linspace(0.9, 0.1, 90),
    np.array([[30.0, 30, 50, 40]] * 90),
)


def seen(found: Detections) -> Seen:
    return Seen(found, analyse(found, TRUTH, NAMES, 0.05))


@pytest.fixture
def split(tmp_path: Path) -> ValidationImages:
    names = {number: f"{number}.jpg" for number in (1, 2, 3)}
    for name in names.values():
        PillowImage.new("RGB", (64, 48)).save(tmp_path / name)
    return ValidationImages(tmp_path, ValidationTruth(TRUTH, names), NAMES, turned=True)


def test_images_with_labels_are_shown_before_and_after_with_what_was_found(
    split: ValidationImages,
) -> None:
    pairs = split.pairs(seen(WRONG), seen(EXACT))
    assert {(p.caption, p.note) for p in pairs} == {
        ("1.jpg", "before: 0 of 2 found, 90 made up; best: 2 of 2 found, 0 made up"),
        ("2.jpg", "before: 0 of 1 found, 0 made up; best: 1 of 1 found, 0 made up"),
    }
    for pair in pairs:
        before, best = pair.images
        assert (before.caption, best.caption) == ("before", "best")
        assert before.source != best.source


def test_labels_carry_the_names_of_their_classes_and_detections_their_scores(
    split: ValidationImages, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[list[tuple[str, bool]]] = []

    def thumbnail(path: Path, marks: list[images.Mark], **options: object) -> str:
        drawn.append([(mark.text, mark.below) for mark in marks])
        return "data:"

    monkeypatch.setattr(images, "thumbnail", thumbnail)
    split.pairs(None, seen(EXACT))
    assert [("dog", True), ("dog 0.70", False)] in drawn
    assert [("cat", True), ("dog", True), ("cat 0.90", False), ("dog 0.80", False)] in drawn


def test_an_image_that_is_gone_leaves_the_others(split: ValidationImages) -> None:
    (split.folder / "1.jpg").unlink()
    assert [p.caption for p in split.pairs(None, seen(EXACT))] == ["2.jpg"]
