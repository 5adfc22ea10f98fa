"""The outlines of many polygons, one after the other, with their measures."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from train_teacher.core.arrays import Floats, Rows


@dataclass(frozen=True)
class Outlines:
    """Closed outlines of P polygons with Q points in all."""

    x: Floats
    """(Q,) pixels."""
    y: Floats
    counts: Rows
    """(P,) points of each, at least one."""

    @classmethod
    def unpacked(cls, numbers: Floats, lengths: Rows) -> Outlines:
        """Return the outlines of polygons written as in COCO.

        Args:
            numbers: x, y, x, y, ... of all polygons one after the other, pixels.
            lengths: (P,) how many numbers each has: even, at least 2.
        """
        x, y = np.ascontiguousarray(numbers[0::2]), np.ascontiguousarray(numbers[1::2])
        return cls(x, y, lengths // 2)

    @cached_property
    def starts(self) -> Rows:
        """(P,) the first point of each."""
        return np.cumsum(self.counts) - self.counts

    @cached_property
    def ends(self) -> Rows:
        """(P,) the last point of each."""
        return self.starts + self.counts - 1

    def steps(self, values: Floats) -> Floats:
        """Return (Q,) how a coordinate changes to the next point, from the last to the first."""
        steps = np.empty_like(values)
        np.subtract(values[1:], values[:-1], out=steps[:-1])
        steps[self.ends] = values[self.starts] - values[self.ends]
        return steps

    def areas(self) -> Floats:
        """Return (P,) square pixels by the shoelace formula."""
        x, y, starts, ends = self.x, self.y, self.starts, self.ends
        with np.errstate(over="ignore", invalid="ignore"):
            cross = np.empty_like(x)
            np.multiply(x[:-1], y[1:], out=cross[:-1])
            cross[:-1] -= x[1:] * y[:-1]
            # The last point of each polygon is followed by its first, not by its neighbor's.
            cross[ends] = x[ends] * y[starts] - x[starts] * y[ends]
            return np.abs(np.add.reduceat(cross, starts)) / 2

    def lowest(self) -> tuple[Floats, Floats]:
        """Return (P,) the smallest x and y."""
        return np.minimum.reduceat(self.x, self.starts), np.minimum.reduceat(self.y, self.starts)

    def highest(self) -> tuple[Floats, Floats]:
        """Return (P,) the largest x and y."""
        return np.maximum.reduceat(self.x, self.starts), np.maximum.reduceat(self.y, self.starts)
