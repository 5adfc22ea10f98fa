"""The box around a mask as in the file, for annotations that have no bbox."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from train_teacher.coco.masks.forms import plain_mask
from train_teacher.coco.masks.run_lengths import run_length_box

LEAST_NUMBERS = 6
"""Three points."""
LARGEST_NUMBER = 2**31 - 1
HUGE = 1e6
"""Pixels; no image has a coordinate as large."""
Box = tuple[float, float, float, float]


def mask_box(segmentation: Any) -> Box | None:
    """Return the xywh box around a mask in pixels, None without a usable mask.

    Args:
        segmentation: a decoded `segmentation`: polygons, in any depth of lists, or run lengths.
    """
    segmentation = plain_mask(segmentation)
    if isinstance(segmentation, dict):
        return run_length_box(segmentation.get("size"), segmentation.get("counts"))
    polygons = usable_polygons(segmentation)
    if not polygons:
        return None
    xy = np.concatenate([np.array(p, np.float64).reshape(-1, 2) for p in polygons])
    if np.abs(xy).max() >= HUGE:
        return None
    low, high = xy.min(axis=0), xy.max(axis=0)
    width, height = high - low
    return float(low[0]), float(low[1]), float(width), float(height)


def usable_polygons(segmentation: Any) -> list[list[float]]:
    """Return the usable polygons of any value, as COCO writes them.

    Numbers written as text become numbers.
    """
    if not isinstance(segmentation, list):
        return []
    parts = [segmentation] if not any(isinstance(p, list) for p in segmentation) else segmentation
    polygons = []
    for part in parts:
        flat = part
        if isinstance(part, list) and part and all(isinstance(p, list) for p in part):
            flat = [value for point in part for value in point]
        if isinstance(flat, list) and len(flat) >= LEAST_NUMBERS and len(flat) % 2 == 0:
            numbers = [_coordinate(value) for value in flat]
            if None not in numbers:
                polygons.append([number for number in numbers if number is not None])
    return polygons


def _coordinate(value: Any) -> float | int | None:
    """Return a number, also one written as text; None for anything else."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
        value = int(value) if math.isfinite(value) and value == int(value) else value
    return value if is_coordinate(value) else None


def is_coordinate(value: Any) -> bool:
    """Return whether a value is a number that an image may have."""
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and abs(value) < LARGEST_NUMBER  # False for NaN too
    )
