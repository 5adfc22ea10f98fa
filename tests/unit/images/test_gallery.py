"""A few images show a whole data set."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from train_teacher.images.gallery import spanning_images


def chosen(boxes: list[tuple[int, int, float]], most: int = 16) -> list[int]:
    image, label, area = zip(*boxes, strict=True) if boxes else ((), (), ())
    return spanning_images(
        np.array(image, np.int64), np.array(label, np.int64), np.array(area, np.float64), most
    )


def test_a_rare_class_is_shown_however_many_images_have_another() -> None:
    many = [(image, 0, 100.0) for image in range(500)]
    assert 501 in chosen([*many, (501, 1, 100.0)], most=2)


@pytest.mark.parametrize("rare", [1.0, 90_000.0])
def test_small_and_large_objects_of_a_class_are_shown(rare: float) -> None:
    boxes = [(image, 0, 100.0 + image % 3) for image in range(60)]
    sizes = [(image, 0, rare) for image in range(60, 90)]
    assert any(image >= 60 for image in chosen([*boxes, *sizes], most=3))


def test_images_are_not_the_first_of_the_file() -> None:
    images = chosen([(image, 0, 100.0) for image in range(1000)])
    assert max(images) > 500


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 5), st.floats(0, 1e6)), max_size=60))
def test_no_image_is_shown_twice_and_every_class_where_there_is_room(
    boxes: list[tuple[int, int, float]],
) -> None:
    images = chosen(boxes)
    with_boxes = {image for image, _, _ in boxes}
    assert len(images) == len(set(images)) == min(16, len(with_boxes))
    assert {label for image, label, _ in boxes if image in images} == {
        label for _, label, _ in boxes
    }
