from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from train_teacher.core.arrays import Floats, Rows
from train_teacher.inspection.page.gallery import (
    CROWDED,
    LARGEST,
    SHOWN_IMAGES,
    SMALLEST,
    choose_images,
)

LabelledBoxes = tuple[Rows, Rows, Floats]

BOXES = st.lists(
    st.tuples(st.integers(0, 60), st.integers(0, 9), st.floats(1, 900)), max_size=200
).map(
    lambda drawn: (
        np.array([row for row, _, _ in drawn], np.int64),
        np.array([label for _, label, _ in drawn], np.int64),
        np.array([side for _, _, side in drawn], np.float64),
    )
)


@given(BOXES)
def test_images_are_shown_once_and_all_of_them_where_there_are_few(boxes: LabelledBoxes) -> None:
    image_rows, _, sides = boxes
    rows = [shown.row for shown in choose_images(*boxes)]

    assert len(rows) == len(set(rows)) <= SHOWN_IMAGES
    assert set(rows) <= set(image_rows.tolist())
    if len(sides):
        assert image_rows[sides.argmin()] in rows


@given(BOXES)
def test_every_class_is_seen_where_there_is_room(boxes: LabelledBoxes) -> None:
    image_rows, labels, _ = boxes
    shown = {choice.row for choice in choose_images(*boxes, most=99)}

    seen = {label for row, label in zip(image_rows, labels, strict=True) if row in shown}
    assert seen == set(labels.tolist())


def test_the_extremes_come_first_and_are_named() -> None:
    sides = np.array([9.0, 200, 50, 50, 50])
    chosen = choose_images(np.array([0, 1, 2, 2, 2]), np.zeros(5, np.int64), sides)

    assert [(c.row, c.why) for c in chosen] == [
        (0, SMALLEST),
        (1, LARGEST),
        (2, CROWDED),
    ]


def test_a_rare_class_is_not_left_out_among_many_boxes_of_another() -> None:
    labels = np.array([0] * 500 + [1])
    chosen = choose_images(np.arange(501), labels, np.linspace(10, 90, 501)[::-1])

    assert 500 in [choice.row for choice in chosen]
