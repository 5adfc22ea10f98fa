from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from coco_factory import annotation, category, clean_annotations, image
from inspected_data import NOT_LOOKED_AT
from train_teacher.coco.dataset import CocoDataset, image_sizes
from train_teacher.inspection.fix.plan import (
    RepairPlan,
    any_of,
    exact_copies,
    kept_usage,
    plan_repair,
    reason_of,
)
from train_teacher.inspection.fix.records import RepairInput

DatasetOf = Callable[..., CocoDataset]


def given(dataset: CocoDataset) -> RepairInput:
    return RepairInput(dataset, NOT_LOOKED_AT, image_sizes(dataset))


def planned(dataset: CocoDataset) -> RepairPlan:
    return plan_repair(given(dataset), ())


def removed(plan: RepairPlan, row: int) -> list[str]:
    return [code for code, hit in plan.removed.items() if hit[row]]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"bbox": [4, 5, 0, 10]}, "B1"),
        ({"bbox": [4, 5, 0.5, 10]}, "B2"),
        ({"bbox": [900, 900, 9, 9]}, "B6"),
        ({"bbox": [4, 5, float("inf"), 9]}, "B7"),
        ({"bbox": ...}, "B8"),
        ({"image_id": 99}, "R5"),
    ],
)
def test_what_no_loader_can_use_is_removed_by_its_code(
    dataset_of: DatasetOf, changes: dict[str, object], code: str
) -> None:
    boxes = [*clean_annotations(), annotation(90, **changes)]
    plan = planned(dataset_of(annotations=boxes))

    assert plan.gone.nonzero()[0].tolist() == [len(boxes) - 1]
    assert removed(plan, -1)[0] == code


def test_what_cannot_be_read_stays(dataset_of: DatasetOf) -> None:
    boxes = [*clean_annotations(), annotation(90, bbox="somewhere")]
    plan = planned(dataset_of(annotations=boxes))

    assert plan.stays.nonzero()[0].tolist() == [len(boxes) - 1]
    assert not plan.gone.any()


def test_a_box_over_the_edge_is_cut_there(dataset_of: DatasetOf) -> None:
    boxes = [*clean_annotations(), annotation(90, bbox=[50, 5, 40, 10])]
    plan = planned(dataset_of(annotations=boxes))

    assert plan.boxes[-1].tolist() == [50, 5, 14, 10]
    assert plan.changed["B6"].nonzero()[0].tolist() == [len(boxes) - 1]


def test_many_boxes_over_the_edge_are_no_single_slips(dataset_of: DatasetOf) -> None:
    boxes = [annotation(n, n % 12 + 1, bbox=[50, 5, 40, 10]) for n in range(24)]
    plan = planned(dataset_of(annotations=boxes))

    assert not plan.changed["B6"].any()


def test_copies_are_told_from_boxes_of_other_classes_and_crowds(dataset_of: DatasetOf) -> None:
    boxes = [
        annotation(1),
        annotation(2),
        annotation(3, category_id=2),
        annotation(4, iscrowd=1),
        annotation(5, category_id=88),
        annotation(6, category_id=89),
    ]
    dataset = dataset_of(annotations=boxes)
    copies = exact_copies(given(dataset), planned(dataset), {}, {})

    assert copies.nonzero()[0].tolist() == [1]


def test_classes_that_become_one_have_copies_of_each_other(dataset_of: DatasetOf) -> None:
    dataset = dataset_of(
        categories=[category(1, "cat"), category(2, "cat ")],
        annotations=[annotation(1), annotation(2, category_id=2)],
    )
    copies = exact_copies(given(dataset), planned(dataset), {}, {0: 1, 1: 1})

    assert copies.tolist() == [False, True]


def test_a_class_of_which_nothing_is_kept_counts_as_unused(dataset_of: DatasetOf) -> None:
    dataset = dataset_of(
        images=[image(n) for n in range(1, 13)],
        annotations=[annotation(1), annotation(2, category_id=2, bbox=[4, 5, 0, 0])],
    )
    kept = kept_usage(given(dataset), planned(dataset))

    assert kept.annotations.category_row.tolist() == [0, -1]


def test_the_first_code_that_holds_is_the_reason() -> None:
    hits = {"R5": np.array([False, True, False]), "B1": np.array([True, True, False])}

    assert reason_of(hits).tolist() == [1, 0, -1]
    assert any_of(hits.values()).tolist() == [True, True, False]
