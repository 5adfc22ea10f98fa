"""What is left after training: results.json, curves, and the page that explains the run."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from train_teacher import __version__
from train_teacher.config.generate import generate_mmdet_config
from train_teacher.core.atomic_file import write_atomically
from train_teacher.core.errors import UsageError
from train_teacher.core.freeze_table import read_freeze_table
from train_teacher.core.json_file import read_json
from train_teacher.images.thumbnails import compared
from train_teacher.inspection.facts import DatasetInfo
from train_teacher.pages.parts import Image
from train_teacher.reports.curves import run_plots
from train_teacher.reports.curves_png import draw_curves
from train_teacher.reports.environment import describe_environment
from train_teacher.reports.facts import RunReport, build_report
from train_teacher.reports.forgetting import RetainedScores
from train_teacher.reports.page import render_report
from train_teacher.reports.setting_sources import setting_reasons, setting_sources
from train_teacher.reports.summary import RunCost, RunSummary, summarize_cost, summarize_run
from train_teacher.runs.folder import CARD, RunFolder
from train_teacher.scores.analysis import (
    DetectionAnalysis,
    ImageResult,
    analyse,
    best_images,
    worst_images,
)
from train_teacher.scores.bootstrap import Chance, chance_of_gain
from train_teacher.scores.detections import Detections
from train_teacher.scores.validation_files import ValidationTruth, read_detections, read_truth
from train_teacher.settings.schema import TeacherSettings
from train_teacher.settings.yaml_files import read_preset

SHOWN_IMAGES = 6


@dataclass(frozen=True)
class RunResult:
    """Where the run lies and what it reached."""

    folder: RunFolder
    report: RunReport


@dataclass(frozen=True)
class RunFacts:
    """What a training came to, before anything is made of its model."""

    dataset_info: DatasetInfo
    settings: TeacherSettings
    records: Sequence[dict[str, Any]]
    """Lines of metrics.jsonl."""
    summary: RunSummary
    cost: RunCost
    truth: ValidationTruth
    best: Detections | None
    before: DetectionAnalysis | None
    judged: DetectionAnalysis | None
    """Of `best`."""
    chance: Chance | None


def gather_run_facts(
    folder: RunFolder,
    dataset_info: DatasetInfo,
    settings: TeacherSettings,
    steps: int | None = None,
    seconds: float | None = None,
) -> RunFacts:
    """Read and count what a training left."""
    records = folder.read_metrics()
    names = dataset_info.class_names
    truth = read_truth(folder.data / "val.json")
    best = read_detections(folder.detections_best)
    before = read_detections(folder.detections_before)
    return RunFacts(
        dataset_info=dataset_info,
        settings=settings,
        records=records,
        summary=summarize_run(records, names),
        cost=summarize_cost(records, steps, seconds),
        truth=truth,
        best=best,
        before=analyse(before, truth.truth, names) if before else None,
        judged=analyse(best, truth.truth, names) if best else None,
        chance=chance_of_gain(before, best, truth.truth) if before and best else None,
    )


def write_run_results(
    folder: RunFolder, facts: RunFacts, retained: RetainedScores | None = None
) -> RunResult:
    """Write plots, results.json and report.html of a run."""
    info, settings = facts.dataset_info, facts.settings
    table = read_freeze_table(folder.freeze_table)
    report = build_report(
        info,
        facts.summary,
        before=facts.before,
        best=facts.judged,
        settings=msgspec.to_builtins(settings),
        chance=facts.chance,
        reasons=setting_reasons(generate_mmdet_config(info, settings), settings),
        sources=setting_sources(settings, _preset(settings.model)),
        name=folder.root.name,
        version=__version__,
        retained=retained,
        command=f"train-teacher --config {shlex.quote(str(folder.settings))} --output FOLDER",
        cost=facts.cost,
        environment=describe_environment(),
        files=_file_sizes(folder),
        freeze_table=str(table) if table else "",
    )
    plots = run_plots(facts.records, report)
    draw_curves(plots, folder.plots)
    worst, right = _images(facts)
    write_atomically(folder.report, render_report(report, plots, worst, right))
    # Last: where it lies, the rest is complete (`is_complete`).
    write_atomically(folder.results, msgspec.json.format(msgspec.json.encode(report)) + b"\n")
    return RunResult(folder, report)


class _Written(msgspec.Struct):
    """What tells whether a results.json is the last word on a run."""

    settings: dict[str, Any]
    retained: Any = None


def is_complete(folder: RunFolder, settings: TeacherSettings) -> bool:
    """Return whether a run was trained to its end and left everything that it should.

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
    return settings.tune != "lora" or _is_newer(folder.adapter / CARD, folder.best_checkpoint())


def _is_newer(file: Path, than: Path) -> bool:
    """Return whether a file was made after another one, which it is made from."""
    try:
        return file.stat().st_mtime_ns >= than.stat().st_mtime_ns
    except OSError:
        return False


def _preset(model: str) -> Mapping[str, Any]:
    """Return what a preset says, nothing when it is gone: the run does not depend on it."""
    try:
        return read_preset(model).values
    except UsageError:
        return {}


def _file_sizes(folder: RunFolder) -> dict[str, int]:
    files = [*sorted(folder.checkpoints.glob("*.pth")), *sorted(folder.adapter.glob("*"))]
    return {str(path.relative_to(folder.root)): path.stat().st_size for path in files}


def _images(facts: RunFacts) -> tuple[list[Image], list[Image]]:
    """Return the validation images with most errors, and the best ones."""
    info, found, analysis = facts.dataset_info, facts.best, facts.judged
    split = next((s for s in info.splits if s.name == "val"), None)
    if found is None or analysis is None or split is None or split.image_dir is None:
        return [], []
    shown = found.rows(found.score >= analysis.threshold)
    draw = partial(
        _drawn,
        folder=Path(split.image_dir),
        truth=facts.truth,
        found=shown,
        names=info.class_names,
        turned=facts.settings.exif_orientation != "ignore",
    )
    # Of a handful of images, half: none is both among the worst and among the best.
    most = min(SHOWN_IMAGES, -(-len(analysis.images) // 2))
    worst = worst_images(analysis.images, most)
    return draw(worst), draw(best_images(analysis.images, most, besides=worst))


def _drawn(
    images: Sequence[ImageResult],
    folder: Path,
    truth: ValidationTruth,
    found: Detections,
    names: Sequence[str],
    *,
    turned: bool,
) -> list[Image]:
    drawn = []
    for image in images:
        here = found.rows(found.image_id == image.image_id)
        labelled = truth.truth.rows(truth.truth.image_id == image.image_id)
        texts = [
            f"{names[label]} {score:.2f}"
            for label, score in zip(here.label.tolist(), here.score.tolist(), strict=True)
        ]
        file = truth.file_names[image.image_id]
        boxes = _xywh(labelled.box), _xywh(here.box)
        source = compared(folder / file, *boxes, texts, turned=turned)
        if source:
            note = f"{image.found} found, {image.missed} missed, {image.false} made up"
            drawn.append(Image(source, file, note))
    return drawn


def _xywh(boxes: np.ndarray) -> np.ndarray:
    return np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)
