"""The comparison of runs as text."""

from __future__ import annotations

from collections.abc import Sequence

from train_teacher.reports.comparison import Comparison, Row

SHOWN_CLASSES = 40
BEST_MARK = "*"


def render_comparison_text(comparison: Comparison) -> str:
    """Return the tables; a star marks the best run of a line."""
    parts = [_table(comparison.names, "result", comparison.results)]
    if not comparison.same_data:
        parts.insert(
            0,
            "warning: these runs were validated on different data or classes; their scores cannot "
            "be compared.",
        )
    if comparison.settings:
        parts.append(_table(comparison.names, "setting that differs", comparison.settings))
    else:
        parts.append("no setting differs")
    classes = comparison.classes[:SHOWN_CLASSES]
    parts.append(_table(comparison.names, "AP by class", classes))
    if len(comparison.classes) > len(classes):
        parts.append(f"and {len(comparison.classes) - len(classes)} more classes (see --html)")
    return "\n\n".join(parts)


def _table(names: Sequence[str], title: str, rows: Sequence[Row]) -> str:
    cells = [(title, *names)]
    for row in rows:
        marked = (
            f"{value}{BEST_MARK if column == row.best else ' '}"
            for column, value in enumerate(row.values)
        )
        cells.append((row.name, *marked))
    header = (cells[0][0], *(f"{name} " for name in names))
    lines = [header, *cells[1:]]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )
