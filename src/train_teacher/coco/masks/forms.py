"""Masks that say what COCO's say in another form: points as objects, run lengths in a list."""

from __future__ import annotations

import ast
from typing import Any

_BYTES = ("b'", 'b"')


def plain_mask(segmentation: Any) -> Any:
    """Return a mask as COCO writes it; what is in no known other form stays as it is."""
    if isinstance(segmentation, list) and len(segmentation) == 1 and _is_rle(segmentation[0]):
        segmentation = segmentation[0]
    if _is_rle(segmentation):
        counts = segmentation["counts"]
        plain = plain_counts(counts)
        return segmentation if plain is counts else {**segmentation, "counts": plain}
    if not isinstance(segmentation, list) or not segmentation:
        return segmentation
    if _is_point(segmentation[0]):
        return [_numbers(segmentation)]
    if isinstance(segmentation[0], list) and segmentation[0] and _is_point(segmentation[0][0]):
        return [_numbers(part) for part in segmentation]
    return segmentation


def plain_counts(counts: Any) -> Any:
    """Return compressed run lengths without Python's b'...' around them."""
    if not isinstance(counts, str) or not counts.startswith(_BYTES):
        return counts
    try:
        value = ast.literal_eval(counts)
        return value.decode("ascii") if isinstance(value, bytes) else counts
    except (SyntaxError, ValueError):
        return counts


def _is_rle(value: Any) -> bool:
    return isinstance(value, dict) and "counts" in value


def _is_point(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() == {"x", "y"}


def _numbers(points: Any) -> Any:
    """Return x, y, x, y, ... of a list of points, the list itself when it is none."""
    if not isinstance(points, list) or not all(map(_is_point, points)):
        return points
    return [point[axis] for point in points for axis in ("x", "y")]
