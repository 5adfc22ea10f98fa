"""Boxes that are not four numbers in a list: text, objects, lists in lists, corners, an angle."""

from __future__ import annotations

import math
import re
from typing import Any, NamedTuple

import numpy as np

from train_teacher.core.arrays import Boxes, Flags, Floats, Sizes, some

BOX_NUMBERS = 4
ROTATED_NUMBERS = 5
CORNER_NUMBERS = 8
OVERHANG = 2.0
ROTATED = "is a rotated box: five numbers, the last an angle"
FOUR_CORNERS = "is four corners: the upright box around them is taken"
_BRACKETS_AND_BREAKS = re.compile(r"[\[\](){},;\s]+")
_SIZE, _CORNERS, _CENTRE = "size", "corners", "centre"
_NAMES = {
    ("x", "y", "width", "height"): _SIZE,
    ("x", "y", "w", "h"): _SIZE,
    ("left", "top", "width", "height"): _SIZE,
    ("left", "top", "right", "bottom"): _CORNERS,
    ("xmin", "ymin", "xmax", "ymax"): _CORNERS,
    ("x_min", "y_min", "x_max", "y_max"): _CORNERS,
    ("x1", "y1", "x2", "y2"): _CORNERS,
    ("cx", "cy", "w", "h"): _CENTRE,
    ("cx", "cy", "width", "height"): _CENTRE,
    ("x_center", "y_center", "width", "height"): _CENTRE,
}
"""Members of a box that is an object, and what they say of it."""


class OtherForm(NamedTuple):
    """A box that is understood."""

    numbers: tuple[float, ...]
    """x, y, width, height; with a fifth, the angle, as they stand."""
    message: str


def other_form(value: Any) -> OtherForm | None:
    """Return what a box in another form says, None for a list of four and for what says nothing."""
    if isinstance(value, str):
        return _inside(_numbers_in(value), "is text: the numbers in it are taken")
    if isinstance(value, dict):
        return _of_members(value)
    return _of_list(value) if isinstance(value, list) else None


def _of_list(value: list[Any]) -> OtherForm | None:
    if len(value) == 1 and isinstance(value[0], list):
        return _inside(value[0], "is a list in a list: the inner one is taken")
    if len(value) not in (ROTATED_NUMBERS, CORNER_NUMBERS) or not all(map(_is_number, value)):
        return None
    if len(value) == ROTATED_NUMBERS:
        return OtherForm(tuple(map(float, value)), ROTATED)
    across, down = value[0::2], value[1::2]
    x, y = float(min(across)), float(min(down))
    return OtherForm((x, y, max(across) - x, max(down) - y), FOUR_CORNERS)


def _inside(numbers: list[Any], message: str) -> OtherForm | None:
    if len(numbers) == BOX_NUMBERS and all(map(_is_number, numbers)):
        return OtherForm(tuple(map(float, numbers)), message)
    return _of_list(numbers)


def _numbers_in(text: str) -> list[float]:
    try:
        return [float(part) for part in _BRACKETS_AND_BREAKS.split(text) if part]
    except ValueError:
        return []


def _of_members(value: dict[str, Any]) -> OtherForm | None:
    members = {str(key).lower(): number for key, number in value.items()}
    for names, meaning in _NAMES.items():
        if members.keys() != set(names) or not all(map(_is_number, members.values())):
            continue
        x, y, third, fourth = (float(members[name]) for name in names)
        if meaning is _CORNERS:
            third, fourth = third - x, fourth - y
        if meaning is _CENTRE:
            x, y = x - third / 2, y - fourth / 2
        message = f"is an object with {', '.join(names)}: its numbers are taken"
        return OtherForm((x, y, third, fourth), message)
    return None


def _is_number(value: Any) -> bool:
    return type(value) in (int, float)


def upright_boxes(rotated: Floats, here: Sizes) -> tuple[Boxes, str]:
    """Return the boxes around rotated ones, and how these were read.

    Angles beyond a full turn in radians are degrees. x and y are the centre, as in Detectron2 and
    MMRotate, unless more boxes stay in their images as upper left corners.

    Args:
        rotated: (K, 5) x, y, width, height, angle.
        here: (K, 2) width and height of their images in pixels, NaN where unknown.
    """
    with np.errstate(invalid="ignore"):
        degrees = bool((np.abs(rotated[:, 4]) > 2 * math.pi + 1e-3).any())
        angle = np.radians(rotated[:, 4]) if degrees else rotated[:, 4]
        cos, sin = np.abs(np.cos(angle))[:, None], np.abs(np.sin(angle))[:, None]
        size = rotated[:, 2:4]
        upright = size * cos + size[:, ::-1] * sin
        around = np.hstack([rotated[:, :2] - upright / 2, upright])
        from_corner = np.hstack([rotated[:, :2] + (size - upright) / 2, upright])
        centre = _leaves(around, here).sum() <= _leaves(from_corner, here).sum()
    unit = "degrees" if degrees else "radians"
    place = "the centre" if centre else "the upper left corner before it is turned"
    how = f"{ROTATED} in {unit}; x, y is {place}, and the upright box around it is taken"
    return (around if centre else from_corner), how


def _leaves(boxes: Boxes, here: Sizes) -> Flags:
    far = boxes[:, :2] + boxes[:, 2:]
    return np.asarray(some(boxes[:, :2] < -OVERHANG) | some(far > here + OVERHANG))
