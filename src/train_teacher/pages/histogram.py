"""Counts between edges, as the charts take them."""

from __future__ import annotations

from dataclasses import dataclass

from train_teacher.core.arrays import Floats, Ints


@dataclass(frozen=True)
class Histogram:
    """Counts between edges."""

    edges: Floats
    """(B + 1,) ascending."""
    counts: Ints
    """(B,); values beyond the edges are counted in the outermost bins."""
    logarithmic: bool = False
    """True when the bins are equally wide on a logarithmic axis."""
