from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from coco_factory import annotation, category, coco, image
from train_teacher.coco.reader import read_coco
from train_teacher.inspection.checks.missing_label_checks import check_skipped_frames

Told = list[tuple[object, str | None]]


def told(folder: Path, counts: Sequence[int], name: str = "clip_{:04d}.jpg", step: int = 1) -> Told:
    """Return what is said of images with that many boxes: ids, and the first example."""
    path = folder / "data.json"
    images = [image(n, name.format(n * step)) for n in range(1, len(counts) + 1)]
    boxes = [annotation(n, row, 1) for row, count in enumerate(counts, 1) for n in range(count)]
    path.write_text(json.dumps(coco(images, boxes, [category(1, "car")])), encoding="utf-8")
    dataset = read_coco(path)
    columns = dataset.annotations
    findings = check_skipped_frames(dataset, ["car"], columns.category_row, columns.image_row)
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
