from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from coco_factory import annotation, category, image
from inspected_data import data_of, read
from train_teacher.inspection.checks.missing_label_checks import (
    check_partial_labelling,
    check_skipped_frames,
)

Told = list[tuple[object, str | None]]


def told(folder: Path, counts: Sequence[int], name: str = "clip_{:04d}.jpg", step: int = 1) -> Told:
    """Return what is said of images with that many boxes: ids, and the first example."""
    images = [image(n, name.format(n * step)) for n in range(1, len(counts) + 1)]
    boxes = [annotation(n, row, 1) for row, count in enumerate(counts, 1) for n in range(count)]
    car = [category(1, "car")]
    dataset = read(folder, images=images, annotations=boxes, categories=car)
    findings = check_skipped_frames(data_of(dataset))
    return [(f.ids, f.examples[0].value) for f in findings]


@pytest.mark.parametrize("step", [1, 5])
def test_a_frame_without_the_boxes_of_its_neighbours_is_named(tmp_path: Path, step: int) -> None:
    counts = [5, 5, 5, 0, 6, 6, 6, 5, 5, 1, 5, 5]

    assert told(tmp_path, counts, step=step) == [((4, 10), "0 of car, 5 before and 6 after")]


def test_objects_that_leave_are_no_skipped_frames(tmp_path: Path) -> None:
    assert told(tmp_path, [5, 5, 5, 4, 3, 1, 0, 0, 0, 0, 2, 4, 5, 5]) == []


def test_frames_far_apart_are_no_neighbours(tmp_path: Path) -> None:
    assert told(tmp_path, [5, 5, 5, 0, 6, 6, 6, 5, 5, 5], step=50) == []


def test_other_images_have_no_neighbours(tmp_path: Path) -> None:
    assert told(tmp_path, [5, 5, 5, 0, 6, 6, 6, 5, 5, 5], name="{:012d}.jpg") == []


@pytest.mark.parametrize("seed", range(5))
def test_counts_by_chance_give_no_finding(tmp_path: Path, seed: int) -> None:
    assert told(tmp_path, np.random.default_rng(seed).poisson(5, 300).tolist()) == []


@pytest.mark.parametrize(("labels", "told"), [((1, 2), True), ((1, 1), False)])
def test_folders_without_a_class_in_common_are_d11(
    tmp_path: Path, labels: tuple[int, int], told: bool
) -> None:
    images = [image(n, f"{'ab'[n // 20]}/{n}.jpg") for n in range(40)]
    boxes = [annotation(n, n, labels[n // 20]) for n in range(40)]

    findings = check_partial_labelling(data_of(read(tmp_path, images=images, annotations=boxes)))

    assert [(f.code, f.severity) for f in findings] == [("D11", "warning")] * told


@pytest.mark.parametrize(("boxes_an_image", "told"), [(1, False), (2, True)])
def test_folders_named_as_their_classes_with_one_object_an_image_are_meant(
    tmp_path: Path, boxes_an_image: int, told: bool
) -> None:
    categories = [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}]
    images = [image(n, f"set/{('cat', 'dog')[n // 20]}/{n}.jpg") for n in range(40)]
    boxes = [annotation(n, n % 40, 1 + n % 40 // 20) for n in range(40 * boxes_an_image)]
    dataset = read(tmp_path, images=images, annotations=boxes, categories=categories)

    assert [f.code for f in check_partial_labelling(data_of(dataset))] == ["D11"] * told
