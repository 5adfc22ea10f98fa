"""Outcome of a training: results.json, curves, and the report page."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from train_teacher import __version__
from train_teacher.config.generate import generate_mmdet_config
from train_teacher.core.atomic_file import write_atomically
from train_teacher.core.errors import UsageError
from train_teacher.core.freeze_table import read_freeze_table
from train_teacher.core.json_file import read_json
from train_teacher.inspection.facts import DatasetInfo
from train_teacher.reports.curves import run_plots
from train_teacher.reports.curves_png import draw_curves
from train_teacher.reports.environment import describe_environment
from train_teacher.reports.facts import RunReport, build_report
from train_teacher.reports.final_scores import FinalScores
from train_teacher.reports.forgetting import RetainedScores
from train_teacher.reports.page import render_report
from train_teacher.reports.setting_sources import setting_reasons, setting_sources
from train_teacher.reports.shown_images import (
    NO_IMAGES,
    ImageDrawer,
    Judged,
    ShownImages,
    shown_images,
)
from train_teacher.reports.summary import RunCost, RunSummary, summarize_cost, summarize_run
from train_teacher.runs.folder import CARD, RunFolder
from train_teacher.scores.analysis import analyse
from train_teacher.scores.bootstrap import Chance, chance_of_gain
from train_teacher.scores.metric_names import LOSS_SINCE
from train_teacher.scores.validation_files import ValidationTruth, read_detections, read_truth
from train_teacher.settings.schema import TeacherSettings
from train_teacher.settings.yaml_files import read_preset


@dataclass(frozen=True)
class RunResult:
    """Folder of a finished run, and its report."""

    folder: RunFolder
    report: RunReport


@dataclass(frozen=True)
class RunFacts:
    """Outcome of a training, before anything is made of its model."""

    dataset_info: DatasetInfo
    settings: TeacherSettings
    records: Sequence[dict[str, Any]]
    """Lines of metrics.jsonl."""
    summary: RunSummary
    cost: RunCost
    truth: ValidationTruth
    before: Judged | None
    """Detections of the base weights."""
    best: Judged | None
    chance: Chance | None


def gather_run_facts(
    folder: RunFolder,
    dataset_info: DatasetInfo,
    settings: TeacherSettings,
    steps: int | None = None,
    seconds: float | None = None,
) -> RunFacts:
    """Read the files of a training, and compute its facts."""
    records = folder.read_metrics()
    names = dataset_info.own_names
    truth = read_truth(folder.data / "val.json")

    def judged(path: Path) -> Judged | None:
        found = read_detections(path)
        return Judged(found, analyse(found, truth.truth, names)) if found else None

    before, best = judged(folder.detections_before), judged(folder.detections_best)
    return RunFacts(
        dataset_info=dataset_info,
        settings=settings,
        records=records,
        summary=summarize_run(records, dataset_info.class_names, names),
        cost=summarize_cost(records, steps, seconds),
        truth=truth,
        before=before,
        best=best,
        chance=chance_of_gain(before.detections, best.detections, truth.truth)
        if before and best
        else None,
    )


def write_run_results(
    folder: RunFolder,
    facts: RunFacts,
    test: FinalScores | None = None,
    test_failure: str = "",
    retained: RetainedScores | None = None,
) -> RunResult:
    """Write plots, results.json and report.html of a run."""
    info, settings = facts.dataset_info, facts.settings
    table = read_freeze_table(folder.freeze_table)
    report = build_report(
        info,
        facts.summary,
        before=facts.before.analysis if facts.before else None,
        best=facts.best.analysis if facts.best else None,
        settings=msgspec.to_builtins(settings),
        chance=facts.chance,
        test=test,
        test_failure=test_failure,
        losses=[r[LOSS_SINCE] for r in facts.records if r.get(LOSS_SINCE) is not None],
        reasons=setting_reasons(generate_mmdet_config(info, settings), settings),
        sources=setting_sources(settings, _preset(settings.model)),
        name=folder.root.name,
        version=__version__,
        modules=settings.modules,
        retained=retained,
        command=f"train-teacher --config {shlex.quote(str(folder.settings))} --output FOLDER",
        cost=facts.cost,
        environment=describe_environment(),
        files=_file_sizes(folder),
        freeze_table=str(table) if table else "",
    )
    plots = run_plots(facts.records, report)
    draw_curves(plots, folder.plots)
    write_atomically(folder.report, render_report(report, plots, _images(facts)))
    # Last: where it lies, the rest is complete (`is_complete`).
    write_atomically(folder.results, msgspec.json.format(msgspec.json.encode(report)) + b"\n")
    return RunResult(folder, report)


class _Written(msgspec.Struct):
    """Members of results.json that show whether it is the last word on a run."""

    settings: dict[str, Any]
    retained: Any = None
    test: Any = msgspec.UNSET
    """Unset where an earlier version wrote it, which scored no test split."""


def is_complete(folder: RunFolder, settings: TeacherSettings) -> bool:
    """Return whether a run was trained to its end and all its files are there.

    Results of another length than the settings' are not its own.
    """
    try:
        written = read_json(folder.results, _Written)
    except (OSError, msgspec.DecodeError):
        return False
    if any(written.settings.get(n) != getattr(settings, n) for n in ("epochs", "steps")):
        return False
    if settings.retain and written.retained is None:
        return False
    if (folder.data / "test.json").exists() and written.test is None:
        return False
    return settings.tune != "lora" or _is_newer(folder.adapter / CARD, folder.best_checkpoint())


def _is_newer(file: Path, than: Path) -> bool:
    """Return whether a file is newer than the file that it is made from."""
    try:
        return file.stat().st_mtime_ns >= than.stat().st_mtime_ns
    except OSError:
        return False


def _preset(model: str) -> Mapping[str, Any]:
    """Return the settings of a preset, none when it is gone: the run does not depend on it."""
    try:
        return read_preset(model).values
    except UsageError:
        return {}


def _file_sizes(folder: RunFolder) -> dict[str, int]:
    files = [*sorted(folder.checkpoints.glob("*.pth")), *sorted(folder.adapter.glob("*"))]
    return {str(path.relative_to(folder.root)): path.stat().st_size for path in files}


def _images(facts: RunFacts) -> ShownImages:
    """Return images of the validation split, none where it was not scored or has no folder."""
    info = facts.dataset_info
    split = next((s for s in info.splits if s.name == "val"), None)
    if facts.best is None or split is None or split.image_dir is None:
        return NO_IMAGES
    turned = facts.settings.exif_orientation != "ignore"
    drawer = ImageDrawer(Path(split.image_dir), facts.truth, info.own_names, turned)
    return shown_images(drawer, facts.before, facts.best)
