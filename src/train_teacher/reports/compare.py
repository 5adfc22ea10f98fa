"""The runs that are compared, read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from train_teacher.console.follow_up import command_line
from train_teacher.core.errors import UsageError, UserError
from train_teacher.core.json_file import decode_json, refuse_later_format
from train_teacher.reports.comparison import ComparedRun
from train_teacher.reports.facts import FORMAT, RunReport
from train_teacher.runs.folder import RunFolder

MIN_RUNS = 2


def read_runs(folders: Sequence[Path]) -> list[ComparedRun]:
    """Read the results of several runs.

    Raises:
        UsageError: fewer than two.
        UserError: one is no run folder, or its run has not finished.
    """
    if len(folders) < MIN_RUNS:
        raise UsageError("teacher compare: give at least two run folders.")
    return [_read(RunFolder(folder)) for folder in folders]


def _read(folder: RunFolder) -> ComparedRun:
    if not folder.root.is_dir():
        raise UserError(f"{folder.root}: there is no such folder.")
    if not folder.config.exists():
        raise UserError(f"{folder.root}: is no run folder (it has no mmdet_config.py).")
    try:
        text = folder.results.read_bytes()
        refuse_later_format(text, str(folder.results), FORMAT)
        report = decode_json(text, RunReport)
    except FileNotFoundError:
        raise UserError(
            f"{folder.root}: the run has not finished (it has no results.json). Finish it with: "
            f"{command_line('train-teacher', output=folder.root, resume=True)}"
        ) from None
    except (OSError, msgspec.DecodeError) as error:
        raise UserError(f"{folder.results}: cannot be read: {error}") from error
    return ComparedRun(report, folder.read_metrics())
