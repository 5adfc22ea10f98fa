"""Boxes tell whether the JSON or the file has the size that they were drawn at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from coco_factory import annotation, image, make_coco, write_image
from train_teacher.coco.dataset import image_sizes
from train_teacher.inspection.fix.image_sizes import SettledSizes, settle_sizes
from train_teacher.inspection.load import InspectRequest, load_splits

FILE = (64, 48)


def settled(
    folder: Path, stated: tuple[int, int], boxes: list[list[float]], *, looked: bool = True
) -> SettledSizes:
    """Settle the size of one image of 64 x 48 pixels whose JSON states another."""
    path = make_coco(
        folder,
        images=[image(1, width=stated[0], height=stated[1])],
        annotations=[annotation(n + 1, bbox=box) for n, box in enumerate(boxes)],
        write_images=False,
    )
    write_image(folder / "1.jpg", *FILE)
    split = load_splits(InspectRequest(data=path))[0]
    columns: Any = np.array(boxes, np.float64).reshape(-1, 4)
    facts = split.files.facts if looked else None
    return settle_sizes(
        split.dataset, image_sizes(split.dataset), facts, columns, np.ones(len(boxes), np.bool_)
    )


def test_boxes_beyond_the_file_were_drawn_at_the_larger_size_and_are_scaled(tmp_path: Path) -> None:
    found = settled(tmp_path, (128, 96), [[70.0, 50, 50, 40]] * 4)
    assert found.corrected.tolist() == [True]
    assert found.sizes.tolist() == [list(FILE)]
    assert found.scale.tolist() == [[0.5, 0.5]]


def test_exchanged_sides_are_those_of_the_file_when_boxes_fit_only_it(tmp_path: Path) -> None:
    found = settled(tmp_path, (48, 64), [[40.0, 5, 20, 30]] * 3)
    assert found.corrected.tolist() == [True]
    assert found.scale.tolist() == [[1, 1]]


def test_boxes_that_fit_both_sizes_leave_it_open(tmp_path: Path) -> None:
    found = settled(tmp_path, (128, 96), [[1.0, 1, 10, 10]] * 3)
    assert found.corrected.tolist() == [False]
    assert found.unsettled.tolist() == [True]
    assert found.sizes.tolist() == [[128, 96]]


def test_equal_sizes_and_files_nobody_looked_at_change_nothing(tmp_path: Path) -> None:
    for found in (
        settled(tmp_path / "equal", FILE, [[1.0, 1, 10, 10]]),
        settled(tmp_path / "unseen", (128, 96), [[70.0, 50, 50, 40]] * 4, looked=False),
    ):
        assert not found.corrected.any()
        assert not found.unsettled.any()
        assert found.scale.tolist() == [[1, 1]]
