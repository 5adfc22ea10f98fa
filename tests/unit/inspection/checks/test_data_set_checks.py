from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from coco_factory import annotation, category, coco, image
from train_teacher.coco.dataset import CocoDataset, image_sizes
from train_teacher.coco.mmdet_loader import trained_rows
from train_teacher.coco.reader import read_coco
from train_teacher.inspection.checks.data_set_checks import (
    check_object_size,
    check_something_to_train,
    check_training_set,
)
from train_teacher.inspection.facts import Finding


def with_boxes(folder: Path, counts: Sequence[int], images: int = 20) -> CocoDataset:
    """Return a data set with that many boxes of each class, dealt out to the images in turn."""
    labels = [label for label, count in enumerate(counts, 1) for _ in range(count)]
    path = folder / "data.json"
    content = coco(
        [image(n) for n in range(1, images + 1)],
        [annotation(n, 1 + n % images, label) for n, label in enumerate(labels, 1)],
        [category(n, f"class{n}") for n in range(1, len(counts) + 1)],
    )
    path.write_text(json.dumps(content), encoding="utf-8")
    return read_coco(path)


def found(dataset: CocoDataset) -> list[Finding]:
    columns = dataset.annotations
    return check_training_set(dataset, columns.category_row, columns.image_row)


def test_few_classes_of_which_one_is_much_rarer_are_a_d3_warning(tmp_path: Path) -> None:
    assert found(with_boxes(tmp_path, [500, 10])) == []

    (finding,) = found(with_boxes(tmp_path, [1240, 12, 600]))

    assert (finding.code, finding.severity, finding.ids) == ("D3", "warning", (2,))
    assert '"class1" has 1,240 boxes, "class2" 12: 103 times fewer' in finding.message


def test_a_class_with_hardly_any_box_is_told_once(tmp_path: Path) -> None:
    (finding,) = found(with_boxes(tmp_path, [600, 4]))

    assert (finding.code, finding.ids) == ("D3", (2,))
    assert "fewer than 10 boxes" in finding.message


def test_a_tail_of_many_classes_is_d4_with_its_measures(tmp_path: Path) -> None:
    (finding,) = found(with_boxes(tmp_path, [1600, *[20] * 10]))

    assert (finding.code, finding.severity, finding.ids) == ("D4", "info", tuple(range(2, 12)))
    assert "1 of 11 (9.1 %) classes hold 80 % of the boxes (Gini index 0.80)" in finding.message
    assert "class_balance" in finding.fix


@pytest.mark.parametrize(("most", "told"), [(150, False), (400, True)])
def test_crowded_images_are_told_with_every_limit_they_pass(
    tmp_path: Path, most: int, told: bool
) -> None:
    dataset = with_boxes(tmp_path, [5 * 40])
    crowd = np.concatenate([dataset.annotations.image_row, np.zeros(most - 10, np.int64)])

    (finding,) = check_training_set(dataset, np.zeros(len(crowd), np.int64), crowd)

    assert (finding.code, finding.severity, finding.ids) == ("D7", "info", (1,))
    assert f"(most: {most:,}; 95 % of the images have at most 10)" in finding.message
    assert ("max_per_img" in finding.consequence) == told
    assert f"{2 * most:,} here" in finding.consequence


def test_one_class_is_said_to_be_one(tmp_path: Path) -> None:
    (finding,) = check_something_to_train(with_boxes(tmp_path, [30]), 1, 30)

    assert (finding.code, finding.severity, finding.ids) == ("D6", "info", (1,))
    assert check_something_to_train(with_boxes(tmp_path, [30, 30]), 2, 60) == []


def test_boxes_that_shrink_to_nothing_are_named_by_their_ids(tmp_path: Path) -> None:
    path = tmp_path / "data.json"
    sides = [20, 20, 400]
    boxes = [annotation(n, bbox=[9, 9, s, s], area=s * s) for n, s in enumerate(sides, 1)]
    path.write_text(json.dumps(coco([image(1, width=6000, height=4000)], boxes)), encoding="utf-8")
    dataset = read_coco(path)
    rows = trained_rows(dataset, [0, 1])

    (finding,) = check_object_size(dataset, image_sizes(dataset), rows)

    assert (finding.code, finding.section, finding.ids) == ("I8", "annotations", (1, 2))
