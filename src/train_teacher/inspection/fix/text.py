"""Report of `inspect-data --fix` for the terminal."""

from __future__ import annotations

from typing import Any

import msgspec

from train_teacher.inspection.fix.fix_file import FixReport
from train_teacher.inspection.next_step import inspect_line


def render_fix(report: FixReport) -> str:
    """Return one line for every kind of change, then the findings that are left and the reason."""
    written = report.written
    lines = [f"Repaired copy: {written.output}"]
    if not report.changes:
        lines = [f"Nothing had to be repaired: {written.output} is a plain copy"]
    for change in report.changes:
        lines.append(f"  {change.code:<4} {change.count:>7,}  {change.what}")
    lines.append(f"Every change with its ids: {written.log}")
    if report.left:
        lines += ["", "Left for you, because only you can decide:"]
        for finding in report.left:
            lines += [f"  {finding.code:<4} {finding.message}", f"       > {finding.fix}"]
    lines.append(f"\nLook at it: {inspect_line(report.request)}")
    return "\n".join(lines) + "\n"


def render_fix_json(report: FixReport) -> str:
    """Return the facts about the copy as one indented JSON object, with the changes as `fix`."""
    facts: dict[str, Any] = msgspec.to_builtins(report.info)
    facts["fix"] = report.written
    return msgspec.json.format(msgspec.json.encode(facts), indent=2).decode() + "\n"
