"""Overlap of boxes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def overlap_ratio(
    first: npt.NDArray[np.float64], second: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Return (N,) intersection over union of boxes, pair by pair; 0 of nothing.

    Args:
        first: (N, 4) xywh, pixels.
        second: (N, 4) xywh, pixels.
    """
    x1, y1, w1, h1 = first.T
    x2, y2, w2, h2 = second.T
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        width = np.minimum(x1 + w1, x2 + w2) - np.maximum(x1, x2)
        height = np.minimum(y1 + h1, y2 + h2) - np.maximum(y1, y2)
        shared = np.maximum(width, 0) * np.maximum(height, 0)
        ratio = shared / (w1 * h1 + w2 * h2 - shared)
    return np.asarray(np.nan_to_num(ratio, nan=0.0, posinf=0.0), np.float64)
