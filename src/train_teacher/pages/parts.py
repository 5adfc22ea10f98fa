"""Values that `parts.html.j2` shows as tables and figures."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from train_teacher.pages.charts import Chart

NUMBER = re.compile(r"[-+]?[\d,]+(\.\d+)?( ?%)?|-?")


@dataclass(frozen=True)
class Table:
    """Rows of text below a header."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]

    @property
    def numeric(self) -> list[bool]:
        """True for each column of numbers, which is aligned to the right."""
        columns = zip(*self.rows, strict=True) if self.rows else ((),) * len(self.header)
        return [bool(column) and all(map(NUMBER.fullmatch, column)) for column in columns]


@dataclass(frozen=True)
class Figure:
    """A chart with its title."""

    title: str
    """Empty for none."""
    chart: Chart | None
    """None where there is nothing to draw."""
    note: str = ""
    """A sentence below."""


@dataclass(frozen=True)
class Image:
    """An image with a caption."""

    source: str
    """Data URI."""
    caption: str
    note: str = ""
    """Below the caption."""
