from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from coco_factory import annotation
from inspected_data import read
from train_teacher.coco.box_forms import ROTATED, other_form, upright_boxes
from train_teacher.coco.dataset import boxes_with_derived

NO_SIZE, NO_AREA = np.full((1, 2), np.nan), np.full(2, np.nan)


@pytest.mark.parametrize(
    "value",
    [
        "[4, 5, 20, 10]",
        "4 5 20 10",
        "(4.0; 5.0; 20.0; 10.0)",
        [[4, 5, 20, 10]],
        {"x": 4, "y": 5, "width": 20, "height": 10},
        {"W": 20, "H": 10, "X": 4, "Y": 5},
        {"left": 4, "top": 5, "right": 24, "bottom": 15},
        {"xmin": 4, "ymin": 5, "xmax": 24, "ymax": 15},
        {"cx": 14, "cy": 10, "w": 20, "h": 10},
        [4, 5, 24, 5, 24, 15, 4, 15],
        [[4, 5, 24, 5, 24, 15, 4, 15]],
        [[4, 5], [24, 5], [24, 15], [4, 15]],
        [[4], [5], [20], [10]],
        [[[4, 5, 20, 10]]],
        [{"x": 4, "y": 5}, {"x": 24, "y": 15}],
        [{"x": 4, "y": 5, "width": 20, "height": 10}],
        ["4px", "5px", "20 px", "10,0"],
        ["4, 5, 20, 10"],
        "4|5|20|10",
        "x=4;y=5;w=20;h=10",
        '{"xmin": 4, "ymin": 5, "xmax": 24, "ymax": 15}',
        "{'x': 4, 'y': 5, 'width': 20, 'height': 10}",
        "array([4., 5., 20., 10.], dtype=float32)",
        "tensor([ 4.,  5., 20., 10.], device='cuda:0')",
        "[np.float64(4.0), np.float64(5.0), np.float64(20.0), np.float64(10.0)]",
        {"x": "4", "y": "5", "width": "20", "height": "10"},
        {"x": 4, "y": 5, "width": 20, "height": 10, "rotation": 0, "label": "cat"},
        {"xMin": 4, "yMin": 5, "xMax": 24, "yMax": 15},
        {"x0": 4, "y0": 5, "x1": 24, "y1": 15},
        {"xtl": 4, "ytl": 5, "xbr": 24, "ybr": 15},
        {"topLeft": {"x": 4, "y": 5}, "bottomRight": {"x": 24, "y": 15}},
        {"min": [4, 5], "max": [24, 15]},
        {"center": {"x": 14, "y": 10}, "size": {"width": 20, "height": 10}},
        {"0": 4, "1": 5, "2": 20, "3": 10},
        {"bbox": [4, 5, 20, 10]},
    ],
)
def test_a_box_in_another_form_is_trained_where_it_was_drawn(tmp_path: Path, value: Any) -> None:
    dataset = read(tmp_path, annotations=[annotation(1, bbox=value)])

    assert dataset.annotations.bbox.tolist() == [[4, 5, 20, 10]]
    assert [p.outcome for p in dataset.problems] == ["converted"]


@pytest.mark.parametrize(
    "value",
    [
        "nothing",
        "[1, 2, 3]",
        [[1, 2], [3, 4]],
        {"x": 4, "y": 5},
        {"x": 4, "y": 5, "width": 20, "height": 10, "angle": 3},
        {"x": "a", "y": 5, "width": 20, "height": 10},
        {"x": 4, "left": 4, "y": 5, "width": 20, "height": 10},
        {"0": 1, "1": 2, "2": 3},
        "4,0; 5,0; 20,0; 10,0",
        "BOX(4 5,24 15)",
        "[[4, 5], [24, 15]]",
        ["4", "5", "20", "1,000"],
        [[4, 5, 20], [10]],
        "'4 5 20 10",
        "9" * 5000,
        [1, 2, 3, 4, 0.9, 1],
        [1, 2, 3],
        [1, 2, 3, 4],
        [True, 2, 3, 4, 5],
        None,
    ],
)
def test_what_may_mean_several_things_is_not_converted(value: Any) -> None:
    assert other_form(value) is None


def read_angles(*angles: float, size: tuple[int, int] = (20, 10), area: float = math.nan) -> str:
    """Return how boxes around one center are read that are turned by these angles."""
    rotated = np.array([(50, 50, *size, angle) for angle in angles], np.float64)
    count = len(angles)
    return upright_boxes(rotated, np.full((count, 2), math.nan), np.full(count, area))[1]


@pytest.mark.parametrize(
    ("angles", "told"),
    [
        ((0.2, 90), "in degrees; "),
        ((1, -3, 2, 0), "in degrees, as all are whole numbers; "),
        ((0.2, 1.5708), "in radians, as some are a quarter turn; "),
        ((0, 0), "in radians; "),
        ((0.01, -0.02), "in radians; "),
        ((0.2, -1.5), "in radians as it seems: nothing in the file shows the unit; "),
        ((0.5, 3.1), "in radians as it seems: nothing in the file shows the unit; "),
    ],
)
def test_all_angles_of_a_file_tell_their_unit_or_it_is_doubted(
    angles: tuple[float, ...], told: str
) -> None:
    assert f"an angle {told}" in read_angles(*angles)


@pytest.mark.parametrize("unit", ["radians", "degrees"])
def test_areas_of_upright_boxes_tell_the_unit_of_small_angles(unit: str) -> None:
    angle = 2.5 if unit == "radians" else math.radians(2.5)
    cos, sin = abs(math.cos(angle)), abs(math.sin(angle))
    upright = (60 * cos + 10 * sin) * (60 * sin + 10 * cos)

    assert f"in {unit}, by their areas; " in read_angles(2.5, size=(60, 10), area=upright)
    assert "as it seems" in read_angles(2.5, size=(60, 10), area=600)


def test_boxes_that_would_leave_their_images_tell_the_unit_of_small_angles() -> None:
    rotated = np.array([(50, 8, 90, 6, 1.3), (50, 92, 90, 6, -0.7)])
    how = upright_boxes(rotated, np.full((2, 2), 100.0), np.full(2, math.nan))[1]

    assert "in degrees, since more boxes would leave their images otherwise; " in how


@pytest.mark.parametrize("sign", [1, -1])
def test_the_upright_box_holds_all_corners_of_a_rotated_one(sign: int) -> None:
    x, y, w, h, angle = 50.0, 40.0, 20.0, 10.0, sign * 0.4
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    corners = np.array([(w, h), (w, -h), (-w, h), (-w, -h)]) / 2 @ turn.T + (x, y)
    low, high = corners.min(axis=0), corners.max(axis=0)

    boxes, _ = upright_boxes(np.array([[x, y, w, h, angle]]), NO_SIZE, NO_AREA[:1])

    assert boxes[0] == pytest.approx([*low, *(high - low)])


def test_x_and_y_are_the_corner_where_boxes_would_leave_their_images_otherwise() -> None:
    rotated = np.array([[0.0, 0.0, 60.0, 40.0, 0.0], [4.0, 4.0, 50.0, 40.0, 0.0]])

    boxes, how = upright_boxes(rotated, np.full((2, 2), 64.0), NO_AREA)

    assert boxes.tolist() == rotated[:, :4].tolist()
    assert "upper left corner" in how


def test_a_fifth_number_that_no_turned_box_would_have_is_a_score() -> None:
    scored = np.array([[0.0, 0.0, 64.0, 10.0, 0.9], [4.0, 4.0, 60.0, 40.0, 1.0]])

    boxes, how = upright_boxes(scored, np.full((2, 2), 64.0), NO_AREA)

    assert boxes.tolist() == scored[:, :4].tolist()
    assert "score" in how


def test_one_number_behind_all_boxes_is_an_angle_and_no_score() -> None:
    turned = np.array([[0.0, 0.0, 64.0, 10.0, 0.35], [4.0, 4.0, 60.0, 40.0, 0.35]])

    assert ROTATED in upright_boxes(turned, np.full((2, 2), 64.0), NO_AREA)[1]


def test_a_mask_tells_the_box_better_than_an_angle(tmp_path: Path) -> None:
    outline = [[4, 5, 24, 5, 24, 15]]
    rotated = annotation(1, bbox=[14, 10, 21, 9, 0.35], segmentation=outline)
    dataset = read(tmp_path, annotations=[rotated])

    boxes, derived = boxes_with_derived(dataset)

    assert (boxes.tolist(), derived.tolist()) == ([[4, 5, 20, 10]], [True])


def test_a_rotated_box_without_a_known_image_is_read_around_its_centre(tmp_path: Path) -> None:
    dataset = read(tmp_path, annotations=[annotation(1, image_id=99, bbox=[30, 20, 20, 10, 90])])

    assert dataset.annotations.bbox[0] == pytest.approx([25, 10, 10, 20])
    assert ROTATED in dataset.problems[0].message
