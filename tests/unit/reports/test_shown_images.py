"""The images of a report: the same ones before and after, each with its own threshold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from coco_factory import write_image
from train_teacher.reports.shown_images import ImageDrawer, Judged, shown_images
from train_teacher.scores.analysis import analyse
from train_teacher.scores.detections import Detections, GroundTruth
from train_teacher.scores.validation_files import ValidationTruth

NAMES = ("cat", "dog")
BOX = (4.0, 5.0, 24.0, 15.0)


@pytest.fixture
def drawer(tmp_path: Path) -> ImageDrawer:
    files = {number: f"{number}.jpg" for number in (1, 2, 3)}
    for file in files.values():
        write_image(tmp_path / file)
    labels = np.array([0, 1, 1])
    truth = GroundTruth(
        np.array([1, 2, 3]), labels, np.array([BOX] * 3), np.zeros(3, np.bool_), np.array([1, 2, 3])
    )
    return ImageDrawer(tmp_path, ValidationTruth(truth, files), NAMES, turned=True)


def judged(drawer: ImageDrawer, threshold: float, *found: tuple[int, int, float]) -> Judged:
    detections = Detections(
        np.array([image for image, _, _ in found]),
        np.array([label for _, label, _ in found]),
        np.array([score for _, _, score in found]),
        np.array([BOX] * len(found)),
    )
    return Judged(detections, analyse(detections, drawer.truth.truth, NAMES, threshold))


def test_an_image_stands_beside_itself_with_what_was_found_before_and_after(
    drawer: ImageDrawer,
) -> None:
    before = judged(drawer, 0.2, (1, 1, 0.3), (2, 1, 0.1))
    shown = shown_images(drawer, before, judged(drawer, 0.5, (1, 0, 0.9), (2, 1, 0.8)))

    assert [(image.caption, image.note) for image in shown.pairs[:2]] == [
        ("1.jpg", "before: 0 found, 1 missed, 1 made up"),
        ("1.jpg", "after: 1 found, 0 missed, 0 made up"),
    ]
    assert shown.pairs[0].source != shown.pairs[1].source
    assert shown.thresholds == (0.2, 0.5)


def test_the_worst_images_are_not_among_the_best(drawer: ImageDrawer) -> None:
    shown = shown_images(drawer, None, judged(drawer, 0.5, (1, 0, 0.9), (2, 1, 0.8)))

    assert [image.caption for image in shown.worst] == ["3.jpg"]
    assert {image.caption for image in shown.best} == {"1.jpg", "2.jpg"}
    assert not shown.pairs


def test_an_image_that_is_gone_is_left_out(drawer: ImageDrawer) -> None:
    (drawer.folder / "1.jpg").unlink()
    found = judged(drawer, 0.5, (1, 0, 0.9), (2, 1, 0.8))

    assert "1.jpg" not in [image.caption for image in shown_images(drawer, found, found).pairs]
