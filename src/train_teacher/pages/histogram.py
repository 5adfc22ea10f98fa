"""Counts between edges, as the charts take them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Histogram:
    """Counts between edges."""

    edges: Floats
    """(B + 1,) ascending."""
    counts: Counts
    """(B,); values beyond the edges are counted in the outermost bins."""
    logarithmic: bool = False
    """True when the bins are equally wide on a logarithmic axis."""
