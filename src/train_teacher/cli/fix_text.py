"""How the outcome of `inspect-data --fix` is told."""

from __future__ import annotations

import shlex

from train_teacher.application.fix_data import FixReport


def render_fix(report: FixReport) -> str:
    """Return one line for every kind of change, then what was left and why."""
    lines = [f"Repaired copy: {report.output}"]
    if not report.changes:
        lines = [f"Nothing had to be repaired: {report.output} is a plain copy"]
    for change in report.changes:
        lines.append(f"  {change.code:<4} {change.count:>7,}  {change.what}")
    lines.append(f"Every change with its ids: {report.log}")
    if report.left:
        lines += ["", "Left for you, because only you can decide:"]
        for finding in report.left:
            lines += [f"  {finding.code:<4} {finding.message}", f"       > {finding.fix}"]
    images = f" --images {shlex.quote(report.images)}" if report.images else ""
    lines.append(f"\nLook at it: inspect-data {shlex.quote(report.output)}{images}")
    return "\n".join(lines) + "\n"
