from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from coco_factory import annotation, category, image
from inspected_data import data_of, read
from train_teacher.coco.dataset import CocoDataset
from train_teacher.inspection.checks.data_set_checks import (
    check_something_to_train,
    check_training_set,
)
from train_teacher.inspection.facts import Finding


def with_boxes(
    folder: Path, counts: Sequence[int], images: int = 20, crowd: int = 0
) -> CocoDataset:
    """Return a data set with that many boxes of each class, dealt out to the images in turn.

    The first image has a crowd of further boxes.
    """
    labels = [label for label, count in enumerate(counts, 1) for _ in range(count)]
    return read(
        folder,
        images=[image(n) for n in range(1, images + 1)],
        annotations=[
            annotation(n, image_id, label)
            for n, (image_id, label) in enumerate(
                [*((1 + n % images, label) for n, label in enumerate(labels, 1)), *[(1, 1)] * crowd]
            )
        ],
        categories=[category(n, f"class{n}") for n in range(1, len(counts) + 1)],
    )


def found(dataset: CocoDataset) -> list[Finding]:
    return check_training_set(data_of(dataset))


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
    (finding,) = found(with_boxes(tmp_path, [5 * 40], crowd=most - 10))

    assert (finding.code, finding.severity, finding.ids) == ("D7", "info", (1,))
    assert f"(most: {most:,}; 95 % of the images have at most 10)" in finding.message
    assert ("max_per_img" in finding.consequence) == told
    assert f"{2 * most:,} here" in finding.consequence


def test_one_class_is_said_to_be_one(tmp_path: Path) -> None:
    (finding,) = check_something_to_train(data_of(with_boxes(tmp_path, [30])))

    assert (finding.code, finding.severity, finding.ids) == ("D6", "info", (1,))
    assert check_something_to_train(data_of(with_boxes(tmp_path, [30, 30]))) == []


@pytest.mark.parametrize(
    ("sections", "what"),
    [
        ({"images": [], "annotations": []}, "list of images is empty"),
        ({"annotations": []}, "list of annotations is empty"),
        ({"categories": []}, "there is no class"),
        ({"annotations": [annotation(1, bbox=[4, 5, 0, 10])]}, "none of the 1 annotations"),
    ],
)
def test_nothing_to_train_is_d6(tmp_path: Path, sections: dict[str, Any], what: str) -> None:
    (finding,) = check_something_to_train(data_of(read(tmp_path, **sections)))

    assert (finding.code, finding.severity) == ("D6", "error")
    assert what in finding.message


def test_images_without_boxes_are_d2_when_they_are_most(tmp_path: Path) -> None:
    assert found(with_boxes(tmp_path, [11, 11], images=30)) == []

    (finding,) = found(with_boxes(tmp_path, [10, 10], images=45))

    assert (finding.code, finding.severity, finding.count) == ("D2", "warning", 25)
