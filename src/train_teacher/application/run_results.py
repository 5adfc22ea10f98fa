"""What is left after training: results, curves and the page that explains the run."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from train_teacher.adapters.atomic_file import write_atomically
from train_teacher.adapters.plots import draw_curves
from train_teacher.adapters.run_folder import RunFolder
from train_teacher.domain.dataset_info import DatasetInfo
from train_teacher.domain.report_page import render_report
from train_teacher.domain.run_summary import RunSummary, summarize_run
from train_teacher.domain.settings import TeacherSettings


@dataclass(frozen=True)
class RunResult:
    """Where the run lies and what it reached."""

    folder: RunFolder
    summary: RunSummary


def write_run_results(
    folder: RunFolder, dataset_info: DatasetInfo, settings: TeacherSettings
) -> RunResult:
    """Write plots and report.html from metrics.jsonl.

    Args:
        folder: the run folder after training.
        dataset_info: facts about the canonical copies.
        settings: resolved settings.

    Returns:
        Paths and scores.
    """
    records = folder.read_metrics()
    summary = summarize_run(records, dataset_info.class_names)
    plots = draw_curves(records, folder.plots)
    page = render_report(
        name=folder.root.name,
        dataset_info=dataset_info,
        settings=msgspec.to_builtins(settings),
        summary=summary,
        plots={name: path.read_bytes() for name, path in plots.items()},
        log=folder.log.read_text("utf-8") if folder.log.exists() else "",
    )
    write_atomically(folder.report, page)
    return RunResult(folder, summary)
