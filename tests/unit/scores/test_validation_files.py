"""Files of a validation are read as columns, in the order of the canonical copy."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from coco_factory import annotation, category, coco, image
from train_teacher.core.errors import UserError
from train_teacher.scores.validation_files import canonical_truth, read_detections, read_truth


def test_labels_are_positions_among_the_categories_and_boxes_are_corners(tmp_path: Path) -> None:
    content = coco(
        images=[image(9, "b.jpg"), image(3, "a.jpg")],
        annotations=[annotation(1, 3, 8, bbox=[4, 5, 20, 10]), annotation(2, 9, 5, iscrowd=1)],
        categories=[category(8, "cat"), category(5, "dog")],
    )
    path = tmp_path / "val.json"
    path.write_text(json.dumps(content))
    read = read_truth(path)
    assert read.file_names == {9: "b.jpg", 3: "a.jpg"}
    assert read.truth.image_ids.tolist() == [9, 3]
    assert read.truth.label.tolist() == [0, 1]
    assert read.truth.box[0].tolist() == [4, 5, 24, 15]
    assert read.truth.crowd.tolist() == [False, True]
    assert canonical_truth(content).box.tolist() == read.truth.box.tolist()


@pytest.mark.parametrize("category_id", ["1", "7", "[]"])
def test_a_damaged_copy_is_named(tmp_path: Path, category_id: str) -> None:
    (tmp_path / "val.json").write_text(
        '{"images": [], "categories": [{"id": 5}], "annotations": '
        f'[{{"image_id": 1, "category_id": {category_id}, "bbox": [1, 2, 3, 4]}}]}}'
    )
    with pytest.raises(UserError, match=r"val\.json: is missing or damaged"):
        read_truth(tmp_path / "val.json")


def test_a_run_that_kept_no_detections_has_none(tmp_path: Path) -> None:
    assert read_detections(tmp_path / "val_detections_best.npz") is None


def test_kept_detections_are_read_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "val_detections_best.npz"
    box = np.array([[1.0, 2, 3, 4]], "f4")
    np.savez(
        path, image_id=np.array([7]), label=np.array([1], "i4"), score=np.array([0.5]), box=box
    )
    found = read_detections(path)
    assert found is not None
    assert (found.image_id.tolist(), found.label.tolist()) == ([7], [1])
    assert found.box.tolist() == box.tolist()
    assert found.score.dtype == np.float64
