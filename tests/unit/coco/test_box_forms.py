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

NO_SIZE = np.full((1, 2), np.nan)


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


@pytest.mark.parametrize(("angles", "unit"), [((0.2, -1.5), "radians"), ((0.2, 90), "degrees")])
def test_all_angles_of_a_file_tell_their_unit(angles: tuple[float, ...], unit: str) -> None:
    rotated = np.array([(50, 50, 20, 10, angle) for angle in angles])

    assert unit in upright_boxes(rotated, np.full((2, 2), np.nan))[1]


@pytest.mark.parametrize("sign", [1, -1])
def test_the_upright_box_holds_all_corners_of_a_rotated_one(sign: int) -> None:
    x, y, w, h, angle = 50.0, 40.0, 20.0, 10.0, sign * 0.4
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    corners = np.array([(w, h), (w, -h), (-w, h), (-w, -h)]) / 2 @ turn.T + (x, y)
    low, high = corners.min(axis=0), corners.max(axis=0)

    boxes, _ = upright_boxes(np.array([[x, y, w, h, angle]]), NO_SIZE)

    assert boxes[0] == pytest.approx([*low, *(high - low)])


def test_x_and_y_are_the_corner_where_boxes_would_leave_their_images_otherwise() -> None:
    rotated = np.array([[0.0, 0.0, 60.0, 40.0, 0.0], [4.0, 4.0, 50.0, 40.0, 0.0]])

    boxes, how = upright_boxes(rotated, np.full((2, 2), 64.0))

    assert boxes.tolist() == rotated[:, :4].tolist()
    assert "upper left corner" in how


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
