"""`teacher compare`: finished runs side by side."""

from __future__ import annotations

import sys
from pathlib import Path

from train_teacher.console.command import FILE, argument, command, option


@command()
@argument("runs", metavar="RUN RUN...", help="Run folders.", type=FILE, nargs=-1, required=True)
@option("--html", metavar="FILE", type=FILE, help="Also write a page with curves.")
def compare_command(runs: tuple[Path, ...], html: Path | None) -> int:
    """Compare the settings and results of several runs."""
    from train_teacher.core.atomic_file import require_new, write_atomically
    from train_teacher.core.terminal_text import plain
    from train_teacher.reports.compare import read_runs
    from train_teacher.reports.comparison import compare_runs
    from train_teacher.reports.comparison_page import render_comparison
    from train_teacher.reports.comparison_text import render_comparison_text

    require_new("--html", html)
    read = read_runs(runs)
    comparison = compare_runs([run.report for run in read])
    print(plain(render_comparison_text(comparison)))  # noqa: T201 - the result
    if html:
        write_atomically(html, render_comparison(comparison, read))
        print(f"page: {html}", file=sys.stderr)  # noqa: T201
    return 0
