"""Segmentation masks of N annotations as columns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

MASK_NONE, MASK_POLYGON, MASK_RLE = 0, 1, 2


(
    MASK_BROKEN,
    MASK_FLAT,
    MASK_NESTED,
    MASK_RECTANGLE,
    MASK_NO_EXTENT,
    MASK_APART,
    MASK_CROSSING,
    MASK_OTHER_FORM,
) = (1 << bit for bit in range(8))
"""Bits of `MaskColumns.flags`: unusable parts; one list of numbers instead of a list of lists;
one level of lists too many; a polygon that is just a box; a polygon without area; polygons
elsewhere than the box of the same annotation; an outline that crosses itself;
a mask that `plain_mask` had to rewrite."""


MIN_MASK_OVERLAP = 0.5
"""Intersection over union of the box and the box around its polygons; less is elsewhere."""


@dataclass(frozen=True)
class MaskColumns:
    """Measures of the masks of N annotations; the polygons themselves stay in the file."""

    kind: npt.NDArray[np.int8]
    """(N,) MASK_NONE, MASK_POLYGON or MASK_RLE."""
    flags: npt.NDArray[np.uint8]
    """(N,) bits, MASK_BROKEN to MASK_OTHER_FORM."""
    bounds: npt.NDArray[np.float32]
    """(N, 4) xywh around the polygons, pixels, NaN without polygons."""
    area: npt.NDArray[np.float32]
    """(N,) square pixels of the polygons, NaN without."""
    polygons: npt.NDArray[np.int32]
    """(N,) usable polygons."""
    points: npt.NDArray[np.int32]
    """(N,) points of them."""
    rle_size: npt.NDArray[np.int64]
    """(N, 2) height and width of run lengths, 0 without."""
