"""Boxes other than a list of four numbers: text, objects, nested lists, corners, an angle."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from train_teacher.coco.literals import literal
from train_teacher.core.arrays import Boxes, Flags, Floats, Sizes, some

BOX_NUMBERS = 4
ROTATED_NUMBERS = 5
CORNER_NUMBERS = 8
OVERHANG = 2.0
ROUNDED = 1e-3
UNDECIDED = "nothing in the file shows the unit"
ROTATED = "is a rotated box: five numbers, the last an angle"
FOUR_CORNERS = "is four corners: the upright box around them is taken"
TEXT = "is text: the numbers in it are taken"
SCORED = "is five numbers, the last a score: it is left out"
_BREAKS = re.compile(r"[\s,;|]+")
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?"
_NAMED = re.compile(rf"""["']?([a-z_]\w*)["']?\s*[:=]\s*["']?({_NUMBER})["']?""", re.IGNORECASE)
# What Python's arrays and tensors have around their numbers: array(...), np.float64(...).
_AROUND = re.compile(r"\b(dtype|device)\s*=\s*[^,()]+|[a-z_][\w.]*\s*(?=\()", re.IGNORECASE)
_BRACKETS = re.compile(r"[\[\](){}]+")
_SIGNS = re.compile(r"[\W_]+")
_ROLES = {
    "left": "x left xmin minx x0 xtl tlx topleftx lefttopx originx startx",
    "top": "y top ymin miny y0 ytl tly toplefty lefttopy originy starty",
    "right": "right xmax maxx x2 xbr brx bottomrightx rightbottomx endx",
    "bottom": "bottom ymax maxy y2 ybr bry bottomrighty rightbottomy endy",
    "width": "width w sizewidth sizew boxwidth",
    "height": "height h sizeheight sizeh boxheight",
    "center x": "cx xc centerx centrex xcenter xcentre",
    "center y": "cy yc centery centrey ycenter ycentre",
}
_ROLE = {name: role for role, names in _ROLES.items() for name in names.split()}
"""Role of a member of a box that is an object, by its name in lower case without signs."""
_TURNED = frozenset({"angle", "rotation", "theta"})


class OtherForm(NamedTuple):
    """A box in another form, as understood."""

    numbers: tuple[float, ...]
    """x, y, width, height; with a fifth, the angle, as they stand."""
    message: str


def other_form(value: Any) -> OtherForm | None:
    """Return the box in another form, None for a list of four and for anything unknown."""
    if isinstance(value, str):
        return _of_text(value)
    if isinstance(value, dict):
        return _of_members(value)
    return _of_list(value) if isinstance(value, list) else None


def _of_list(value: list[Any]) -> OtherForm | None:
    if len(value) == 1:
        return _inner(value[0], "is a list in a list: the inner one is taken")
    if all(isinstance(point, dict) and point.keys() == {"x", "y"} for point in value):
        return _around([point[axis] for point in value for axis in "xy"])
    if len(value) == BOX_NUMBERS:
        return _of_four(value)
    if len(value) == CORNER_NUMBERS:
        return _around(value)
    if len(value) == ROTATED_NUMBERS and all(map(_is_number, value)):
        return OtherForm(tuple(map(float, value)), ROTATED)
    return None


def _of_four(value: list[Any]) -> OtherForm | None:
    """Return the box of four values other than numbers: points, lists of one, text."""
    if all(isinstance(part, list) for part in value):
        numbers = [number for part in value for number in part]
        inside = "is a list in a list: the inner one is taken"
        return _around(numbers) if len(numbers) == CORNER_NUMBERS else _inner(numbers, inside)
    if not any(isinstance(part, str) for part in value):
        return None
    return _plain([_number_of(part) for part in value], TEXT)


def _around(numbers: list[Any]) -> OtherForm | None:
    """Return the box around two or four points that are x, y, x, y, ..."""
    if len(numbers) not in (BOX_NUMBERS, CORNER_NUMBERS) or not all(map(_is_number, numbers)):
        return None
    across, down = numbers[0::2], numbers[1::2]
    x, y = float(min(across)), float(min(down))
    message = FOUR_CORNERS if len(numbers) == CORNER_NUMBERS else "is two opposite corners"
    return OtherForm((x, y, max(across) - x, max(down) - y), message)


def _number_of(value: Any) -> Any:
    """Return the number of `12px` or `12,5`; three digits behind the comma may be thousands."""
    if not isinstance(value, str):
        return value
    text = value.strip().lower().removesuffix("px").strip()
    whole, comma, part = text.partition(",")
    try:
        return float(f"{whole}.{part}" if comma and len(part) != 3 else text)  # noqa: PLR2004
    except ValueError:
        return None


def _plain(numbers: Any, message: str) -> OtherForm | None:
    if isinstance(numbers, list) and len(numbers) == BOX_NUMBERS and all(map(_is_number, numbers)):
        return OtherForm(tuple(map(float, numbers)), message)
    return None


def _inner(value: Any, message: str) -> OtherForm | None:
    return _plain(value, message) or other_form(value)


def _of_text(text: str) -> OtherForm | None:
    bare = _AROUND.sub(" ", text).strip()
    value = literal(bare)
    if value is None:
        return _of_loose_text(_BRACKETS.sub(" ", bare).strip(" ,;|\t\r\n"))
    return None if isinstance(value, str) else _inner(value, TEXT)


def _of_loose_text(text: str) -> OtherForm | None:
    if _NAMED.search(text):
        rest = _BREAKS.sub("", _NAMED.sub("", text))
        return None if rest else _of_members(dict(_NAMED.findall(text)))
    # 1,5 2,5 3,5 4,5 may be points or decimals.
    if len({found.strip() for found in _BREAKS.findall(text)}) > 1:
        return None
    try:
        numbers = [float(part) for part in _BREAKS.split(text) if part]
    except ValueError:
        return None
    return _inner(numbers, TEXT)


def _of_members(value: dict[str, Any]) -> OtherForm | None:
    inside = [*value.values()]
    if len(inside) == 1:
        return _inner(inside[0], "is inside an object: it is taken out")
    if value.keys() == set("0123"):
        return _plain([value[key] for key in "0123"], "is an object with four numbers")
    members = {}
    for key, inner in value.items():
        pairs: Iterable[tuple[Any, Any]] = [("", inner)]
        if isinstance(inner, dict):
            pairs = inner.items()
        if isinstance(inner, list) and len(inner) == 2:  # noqa: PLR2004 - x and y
            pairs = zip("xy", inner, strict=True)
        members.update({_SIGNS.sub("", f"{key}{name}").lower(): v for name, v in pairs})
    box = _of_roles(members)
    message = f"is an object with {', '.join(value)}: its numbers are taken"
    return OtherForm(box, message) if box else None


def _of_roles(members: dict[str, Any]) -> tuple[float, ...] | None:
    numbers: dict[str, float] = {}
    for name, value in members.items():
        number = _number_of(value)
        role = _ROLE.get(name)
        if name in ("x1", "y1"):
            axis = name[0]
            role = _ROLE[f"{axis}2"] if f"{axis}0" in members else _ROLE[axis]
        if role in numbers or (role and not _is_number(number)) or (name in _TURNED and number):
            return None
        if role:
            numbers[role] = float(number)
    left, top = numbers.get("left", 0.0), numbers.get("top", 0.0)
    w, h = numbers.get("width", 0.0), numbers.get("height", 0.0)
    if numbers.keys() == {"left", "top", "right", "bottom"}:
        return left, top, numbers["right"] - left, numbers["bottom"] - top
    if numbers.keys() == {"left", "top", "width", "height"}:
        return left, top, w, h
    if numbers.keys() == {"center x", "center y", "width", "height"}:
        return numbers["center x"] - w / 2, numbers["center y"] - h / 2, w, h
    return None


def _is_number(value: Any) -> bool:
    return type(value) in (int, float)


class _Upright(NamedTuple):
    """Rotated boxes in one reading."""

    boxes: Boxes
    centre: bool
    """True when x and y are the center."""
    leaving: int
    """Boxes outside their images."""


def upright_boxes(rotated: Floats, here: Sizes, area: Floats) -> tuple[Boxes, str]:
    """Return the boxes around rotated ones, and the reading that fits all of them.

    x and y are the center, as in Detectron2 and MMRotate, unless more boxes stay in their images
    as upper left corners.

    Args:
        rotated: (K, 5) x, y, width, height, angle.
        here: (K, 2) width and height of their images in pixels, NaN where unknown.
        area: (K,) as they are written, NaN where they are not.
    """
    angle = rotated[:, 4]
    with np.errstate(invalid="ignore", over="ignore"):
        readings = [_placed(rotated, turn, here) for turn in (angle, np.radians(angle))]
        stay = not _leaves(rotated[:, :4], here).any()
        if _may_be_scores(angle) and stay and readings[0].leaving > len(rotated) / 20:
            return rotated[:, :4], SCORED
        degrees, why = _are_degrees(rotated, readings, area)
    chosen = readings[degrees]
    unit = "degrees" if degrees else "radians"
    place = "the center" if chosen.centre else "the upper left corner before it is turned"
    how = f"{ROTATED} in {unit}{why}; x, y is {place}, and the upright box around it is taken"
    return chosen.boxes, how


def _may_be_scores(values: Floats) -> bool:
    """Return whether all are shares, and not one and the same that no detector would give."""
    alike = len(values) > 1 and (values == values[0]).all() and values[0] not in (0, 1)
    return bool(((values >= 0) & (values <= 1)).all()) and not alike


def _placed(rotated: Floats, angle: Floats, here: Sizes) -> _Upright:
    cos, sin = np.abs(np.cos(angle))[:, None], np.abs(np.sin(angle))[:, None]
    size = rotated[:, 2:4]
    upright = size * cos + size[:, ::-1] * sin
    around = np.hstack([rotated[:, :2] - upright / 2, upright])
    from_corner = np.hstack([rotated[:, :2] + (size - upright) / 2, upright])
    leaving, by_corner = (int(_leaves(boxes, here).sum()) for boxes in (around, from_corner))
    centre = leaving <= by_corner
    return _Upright(around if centre else from_corner, centre, min(leaving, by_corner))


def _are_degrees(rotated: Floats, readings: Sequence[_Upright], area: Floats) -> tuple[bool, str]:
    """Return whether angles are degrees, and the evidence for it."""
    in_radians, in_degrees = readings
    turned = rotated[:, 4][rotated[:, 4] != 0]
    if (np.abs(turned) > 2 * math.pi + ROUNDED).any():
        return True, ""
    if np.allclose(in_radians.boxes, in_degrees.boxes, rtol=0, atol=1, equal_nan=True):
        return False, ""
    fit, fit_degrees = (_with_area(reading.boxes, rotated, area) for reading in readings)
    quarter = np.isclose(np.abs(turned), math.pi / 2, rtol=0, atol=ROUNDED).any()
    votes = (
        (fit_degrees - fit, ", by their areas"),
        (int((turned == np.round(turned)).all()), ", as all are whole numbers"),
        (-int(quarter), ", as some are a quarter turn"),
        (
            in_radians.leaving - in_degrees.leaving,
            ", since more boxes would leave their images otherwise",
        ),
    )
    undecided = (0, f" as it seems: {UNDECIDED}")
    vote, why = next((vote for vote in votes if vote[0]), undecided)
    return vote > 0, why


def _with_area(boxes: Boxes, rotated: Floats, area: Floats) -> int:
    """Return how many written areas are those of upright boxes, and not of the turned ones."""
    own, around = rotated[:, 2] * rotated[:, 3], boxes[:, 2] * boxes[:, 3]
    fits = np.isclose(area, around, rtol=0.01) & ~np.isclose(own, around, rtol=0.03)
    return int(fits.sum())


def _leaves(boxes: Boxes, here: Sizes) -> Flags:
    far = boxes[:, :2] + boxes[:, 2:]
    return np.asarray(some(boxes[:, :2] < -OVERHANG) | some(far > here + OVERHANG))
