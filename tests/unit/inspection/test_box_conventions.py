from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coco_factory import annotation, image
from train_teacher.coco.dataset import CocoDataset
from train_teacher.inspection.box_conventions import (
    COCO,
    Convention,
    Form,
    Reading,
    as_written_by_coco,
    convention_code,
    find_convention,
)

SIZE = np.array([640.0, 480.0])
DatasetOf = Callable[..., CocoDataset]


def true_boxes(count: int = 60) -> np.ndarray:
    """Return boxes all over the image, as COCO has them."""
    drawn = np.random.default_rng(0).random((count, 4))
    corner = drawn[:, :2] * SIZE * 0.7
    return np.hstack([corner, 4 + drawn[:, 2:] * (SIZE - corner - 8)])


def written_as(boxes: np.ndarray, form: Form) -> np.ndarray:
    corner, size = boxes[:, :2], boxes[:, 2:]
    if form.reading is Reading.CENTRE:
        boxes = np.hstack([corner + size / 2, size])
    elif form.reading is not Reading.SIZE:
        boxes = np.hstack([corner, corner + size])
    boxes = boxes / np.tile(SIZE, 2) * form.full if form.full else boxes
    return boxes[:, [1, 0, 3, 2]] if form.reading is Reading.Y_FIRST else boxes


@pytest.fixture
def found(dataset_of: DatasetOf) -> Callable[..., Convention]:
    dataset = dataset_of(
        images=[image(1, width=640, height=480)],
        annotations=[annotation(n, bbox=[1, 2, 3, 4]) for n in range(60)],
    )

    def find(boxes: np.ndarray, area: np.ndarray | None = None) -> Convention:
        count = len(boxes)
        usable, here = np.ones(count, np.bool_), np.tile(SIZE, (count, 1))
        area = np.full(count, np.nan) if area is None else area
        return find_convention(dataset, boxes, usable, here, area)

    return find


FORMS = [
    Form(reading, full)
    for full in (0, 1, 100, 1000)
    for reading in Reading
    # y first and x first fit alike when nothing but shares is known.
    if full != 1 or reading is not Reading.Y_FIRST
]


@pytest.mark.parametrize("form", FORMS, ids=[form.said for form in FORMS])
def test_the_areas_prove_what_the_numbers_mean(
    found: Callable[..., Convention], form: Form
) -> None:
    boxes = true_boxes()
    convention = found(written_as(boxes, form), boxes[:, 2] * boxes[:, 3])

    # On a square scale a box and its mirror image have the same area and the same bounds.
    mirrored = form.full and form.reading in (Reading.CORNERS, Reading.Y_FIRST)
    assert form in convention.forms
    assert mirrored or convention.decided == form


@pytest.mark.parametrize("form", FORMS, ids=[form.said for form in FORMS])
def test_boxes_are_brought_back_to_where_they_are(form: Form) -> None:
    boxes = true_boxes()
    back = as_written_by_coco(written_as(boxes, form), form, np.tile(SIZE, (len(boxes), 1)))

    np.testing.assert_allclose(back, boxes, atol=1e-9)


@given(st.integers(0, 2**32 - 1))
def test_boxes_inside_their_images_are_coco_s_where_nothing_speaks_against_it(seed: int) -> None:
    drawn = np.random.default_rng(seed).random((20, 4))
    boxes = np.hstack([drawn[:, :2] * SIZE / 2, 2 + drawn[:, 2:] * SIZE / 2.1])
    assert as_written_by_coco(boxes, COCO, np.tile(SIZE, (20, 1))) is boxes


def test_a_few_boxes_that_leave_their_image_do_not_change_the_reading(
    found: Callable[..., Convention],
) -> None:
    boxes = true_boxes()
    boxes[:3, 2] = 900

    assert found(boxes).decided == COCO


@pytest.mark.parametrize(
    ("forms", "code"),
    [
        ((Form(Reading.SIZE, 1), Form(Reading.CENTRE, 1)), "B3"),
        ((Form(Reading.CENTRE),), "B5"),
        ((Form(Reading.CORNERS),), "B4"),
        ((Form(Reading.CORNERS), Form(Reading.SIZE, 1000)), "B4"),
        ((), "B4"),
    ],
)
def test_a_convention_has_the_code_of_its_kind(forms: tuple[Form, ...], code: str) -> None:
    assert convention_code(forms) == code
