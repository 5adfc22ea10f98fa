"""The worth of labels is counted from the images, with its uncertainty."""

from __future__ import annotations

import pytest

from train_teacher.scores.analysis import DetectionAnalysis, ImageResult
from train_teacher.scores.labelling import label_quality


def analysis(*images: tuple[int, int, int]) -> DetectionAnalysis:
    results = tuple(ImageResult(number, *counts) for number, counts in enumerate(images))
    return DetectionAnalysis(0.4, (), (), (), (), results)


def test_missed_objects_and_false_boxes_are_shares_of_objects_and_of_boxes_kept() -> None:
    quality = label_quality(analysis((3, 1, 0), (3, 1, 2)))
    assert quality is not None
    assert (quality.threshold, quality.images, quality.objects, quality.kept) == (0.4, 2, 8, 8)
    assert (quality.missed, quality.false) == (0.25, 0.25)


def test_the_same_counts_in_fewer_images_leave_more_doubt() -> None:
    few = label_quality(analysis(*[(9, 0, 0)] * 4, (4, 5, 0)))
    many = label_quality(analysis(*[(1, 0, 0)] * 40, *[(0, 1, 0)] * 5))
    assert few is not None
    assert many is not None
    assert few.missed == many.missed == pytest.approx(1 / 9)
    assert few.missed_at_most > many.missed_at_most > many.missed


def test_without_objects_nothing_can_be_missed_and_without_boxes_all_is() -> None:
    assert label_quality(analysis((0, 0, 3))) is None
    assert label_quality(analysis()) is None
    silent = label_quality(analysis((0, 2, 0), (0, 3, 0)))
    assert silent is not None
    assert (silent.missed, silent.false, silent.kept) == (1.0, 0.0, 0)
