"""Masks in other forms than COCO's: text, points as objects, GeoJSON and such."""

from __future__ import annotations

import ast
import re
from typing import Any

from train_teacher.coco.literals import literal

_BYTES = ("b'", 'b"')
_SEPARATE_NUMBERS = re.compile(r"(?=.*[ ,])[\d.,\s\[\]()]+")
"""Compressed run lengths have neither spaces nor commas."""
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e[-+]?\d+)?", re.IGNORECASE)
_HOLDERS = frozenset("points exterior coordinates polygon polygons vertices rle mask".split())
"""Members whose value is the mask."""
_COORDINATES = (("all_points_x", "all_points_y"), ("x", "y"))
_SIDES = (("h", "height"), ("w", "width"))
_PAIR = 2
_POINTS = 3


def plain_mask(segmentation: Any) -> Any:
    """Return a mask in COCO's form; unknown forms stay as they are."""
    if isinstance(segmentation, str):
        mask = _of_text(segmentation)
        return segmentation if mask is None else mask
    if isinstance(segmentation, dict):
        return _plain_object(segmentation)
    if isinstance(segmentation, list) and segmentation:
        return _plain_list(segmentation)
    return segmentation


def _plain_list(mask: list[Any]) -> Any:
    first = mask[0]
    if isinstance(first, dict) and not _is_point(first):
        inner = plain_mask(first)
        return mask if len(mask) > 1 or (inner is first and not _is_rle(first)) else inner
    if isinstance(first, str) and not _NUMBER.fullmatch(first.strip()):
        parts = [plain_mask(part) for part in mask]
        one_each = all(isinstance(part, list) and len(part) == 1 for part in parts)
        return [part[0] for part in parts] if one_each else mask
    if _is_point(first) or (len(mask) >= _POINTS and all(map(_is_pair, mask))):
        return [_numbers(mask)]
    point = first[0] if isinstance(first, list) and first else None
    if _is_point(point):
        return [_numbers(part) for part in mask]
    if isinstance(point, list) and point and isinstance(point[0], list):  # many in GeoJSON
        return [_numbers(ring) for part in mask for ring in part]
    return mask


def is_in_unknown_form(segmentation: Any) -> bool:
    """Return whether a mask is something else than polygons, whole or broken."""
    mask = plain_mask(segmentation)
    return not isinstance(mask, list) or any(isinstance(part, dict) for part in mask)


def _plain_object(mask: dict[str, Any]) -> Any:
    if _is_rle(mask):
        return _plain_run_lengths(mask)
    for names in _COORDINATES:
        x, y = (mask.get(name) for name in names)
        if isinstance(x, list) and isinstance(y, list) and len(x) == len(y):
            return [[value for point in zip(x, y, strict=True) for value in point]]
    held = [value for name, value in mask.items() if str(name).lower() in _HOLDERS]
    return plain_mask(held[0]) if len(held) == 1 else mask


def _plain_run_lengths(mask: dict[str, Any]) -> dict[str, Any]:
    counts = plain_counts(mask["counts"])
    sides = mask.get("size") or [mask.get(a, mask.get(b)) for a, b in _SIDES]
    size = _whole_numbers(sides) if isinstance(sides, list) else sides
    if counts is mask["counts"] and (size is mask.get("size") or None in size):
        return mask
    return {**mask, "size": size, "counts": counts}


def plain_counts(counts: Any) -> Any:
    """Return run lengths without Python's b'...' around them, and numbers that are text as such."""
    if isinstance(counts, list):
        return _whole_numbers(counts)
    if isinstance(counts, str) and _SEPARATE_NUMBERS.fullmatch(counts):
        numbers = _whole_numbers(_NUMBER.findall(counts))
        return numbers if isinstance(numbers[0], int) else counts
    if not isinstance(counts, str) or not counts.startswith(_BYTES):
        return counts
    try:
        value = ast.literal_eval(counts)
        return value.decode("ascii") if isinstance(value, bytes) else counts
    except (SyntaxError, ValueError):
        return counts


def _whole_numbers(values: list[Any]) -> list[Any]:
    """Return text and fractions that are whole numbers as such, else the list itself."""
    if all(type(value) is int for value in values):
        return values
    try:
        numbers = [float(value) for value in values]
    except (TypeError, ValueError):
        return values
    return [int(n) for n in numbers] if all(n.is_integer() for n in numbers) else values


def _of_text(text: str) -> Any:
    """Return the mask that a text holds; None where it is a path, base64 or another word."""
    value = literal(text)
    if isinstance(value, list | dict):
        mask = plain_mask(value)
        flat = isinstance(mask, list) and mask and all(isinstance(n, int | float) for n in mask)
        return [mask] if flat else mask
    numbers = [float(number) for number in _NUMBER.findall(text)]
    if len(numbers) < _PAIR * _POINTS or _NUMBER.sub("", text).strip(" \t\r\n,;|()[]"):
        return None
    return [numbers]


def _is_rle(value: Any) -> bool:
    return isinstance(value, dict) and "counts" in value


def _is_point(value: Any) -> bool:
    return isinstance(value, dict) and {str(key).lower() for key in value} == {"x", "y"}


def _is_pair(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) == _PAIR
        and all(isinstance(number, int | float) for number in value)
    )


def _numbers(points: Any) -> Any:
    """Return x, y, x, y, ... of a list of points, the list itself when it is none."""
    if isinstance(points, list) and all(map(_is_pair, points)):
        return [number for point in points for number in point]
    if not isinstance(points, list) or not all(map(_is_point, points)):
        return points
    return [point[name] for point in points for name in sorted(point)]
