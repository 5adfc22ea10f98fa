"""Score blends of a run's base and its best checkpoint, and write one as a bundle."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from train_teacher.blending.curve import ALPHAS, BlendCurve, BlendPoint, best_of, choose
from train_teacher.console.progress import Progress, part_of
from train_teacher.core.errors import UserError
from train_teacher.engine import machine
from train_teacher.evaluation.evaluate import split_of_run
from train_teacher.evaluation.forgetting import read_retained
from train_teacher.evaluation.labelled_images import (
    LabelledImages,
    detections_of,
    read_labelled,
    scores_of,
)
from train_teacher.reports.summary import Validation
from train_teacher.runs.folder import check_free
from train_teacher.scores.analysis import analyse
from train_teacher.scores.bootstrap import chance_of_gain
from train_teacher.scores.coco_scores import CocoScores
from train_teacher.scores.detections import Detections
from train_teacher.scores.validation_files import canonical_truth
from train_teacher.teachers.blended import BlendedTeacher
from train_teacher.teachers.export import FinishedRun, export_run, read_run


@dataclass(frozen=True)
class BlendRequest:
    """Request for blends: the run, the share of the training, and the bundle to write."""

    run: Path
    alpha: float | None = None
    """Share of the training; chosen by `choose` when None."""
    images: Path | None = None
    """Folder of the validation images; the run's when None."""
    retain: Path | None = None
    """COCO file of what is not to be forgotten; the run's when None."""
    retain_images: Path | None = None
    output: Path | None = None
    """Folder of the bundle to write."""
    merge: bool = False
    """Write a complete model."""
    device: str = "auto"


def blend(request: BlendRequest, *, progress: Progress | None = None) -> BlendCurve:
    """Score a run's blends on its validation split and on its retained data.

    Raises:
        UserError: a part of the run, its data or its base is gone, or OUTPUT is used.
        UsageError: the run has no base.
    """
    started = time.monotonic()
    run = _trained(read_run(request.run))
    output = check_free(request.output.resolve()).root if request.output else None
    own, retained = _validation(run, request.images), _retained(run, request)
    alphas = sorted({*ALPHAS, *(() if request.alpha is None else (request.alpha,))})
    with redirect_stdout(sys.stderr):
        teacher = BlendedTeacher(run, machine.resolve_device(request.device, "fp32"))
        seen = [
            _look(teacher, alpha, own, retained, part_of(progress, place, len(alphas)))
            for place, alpha in enumerate(alphas)
        ]
    points = _with_chances(seen, own)
    chosen, reason = choose(points)
    if request.alpha is not None:
        chosen, reason = points[alphas.index(request.alpha)], "given by --alpha"
    if output:
        _write(run, teacher, chosen.alpha, seen[points.index(chosen)], own, output, request.merge)
    return BlendCurve(
        run=str(request.run),
        trained=run.checkpoint.name,
        points=points,
        chosen=chosen.alpha,
        reason=reason,
        validation_data=own.path,
        validation_images=len(own.images),
        retained_data=retained.path if retained else None,
        retained_images=len(retained.images) if retained else 0,
        output=str(request.output) if request.output else None,
        seconds=round(time.monotonic() - started, 2),
    )


@dataclass(frozen=True)
class _Seen:
    """Scores of a run's blends, and the one that was chosen."""

    alpha: float
    found: Detections
    scores: CocoScores
    retained: CocoScores | None


def _trained(run: FinishedRun) -> FinishedRun:
    """Return the run with its last checkpoint where the best is the base itself."""
    last = run.folder.checkpoints / "last.pth"
    if run.summary.best is None or run.summary.best.epoch or not last.is_file():
        return run
    return replace(run, checkpoint=last)


def _validation(run: FinishedRun, images: Path | None) -> LabelledImages:
    if all(split.name != "val" for split in run.dataset_info.splits):
        raise UserError(f"{run.folder.root}: has no validation split, by which blends are judged.")
    return split_of_run(run.folder, run.dataset_info, "val", images)


def _retained(run: FinishedRun, request: BlendRequest) -> LabelledImages | None:
    if request.retain:
        return read_labelled(request.retain, request.retain_images)
    return read_retained(run.folder) if run.folder.retained.is_file() else None


def _look(
    teacher: BlendedTeacher,
    alpha: float,
    own: LabelledImages,
    retained: LabelledImages | None,
    progress: Progress | None,
) -> _Seen:
    model = teacher.at(alpha)
    total = len(own.images) + (len(retained.images) if retained else 0)

    def after(done_before: int) -> Progress | None:
        return (lambda done, _: progress(done_before + done, total)) if progress else None

    found = detections_of(model, own, own.phrases, after(0))
    other = None
    if retained:
        kept = detections_of(model, retained, retained.phrases, after(len(own.images)))
        other = scores_of(retained, kept)
    return _Seen(alpha, found, scores_of(own, found), other)


def _with_chances(seen: Sequence[_Seen], own: LabelledImages) -> tuple[BlendPoint, ...]:
    truth = canonical_truth(own.content)
    best = best_of([one.scores.average_precision for one in seen])
    return tuple(
        BlendPoint(
            alpha=one.alpha,
            validation=one.scores.average_precision,
            validation_50=one.scores.average_precision_50,
            retained=one.retained.average_precision if one.retained else None,
            chance=None if place == best else chance_of_gain(seen[best].found, one.found, truth),
        )
        for place, one in enumerate(seen)
    )


def _write(
    run: FinishedRun,
    teacher: BlendedTeacher,
    alpha: float,
    seen: _Seen,
    own: LabelledImages,
    output: Path,
    merge: bool,
) -> None:
    """Write a blend as the bundle that the run itself would be, with the blend's own scores."""
    scores, names = seen.scores, run.dataset_info.class_names
    best = Validation(
        epoch=run.summary.best.epoch if run.summary.best else 0,
        map=scores.average_precision or 0.0,
        map_50=scores.average_precision_50 or 0.0,
        map_75=scores.average_precision_75 or 0.0,
        per_class={
            entry.name: entry.average_precision
            for entry in scores.classes
            if entry.average_precision is not None
        },
        by_size={
            size.size: size.average_precision
            for size in scores.sizes
            if size.average_precision is not None
        },
    )
    threshold = analyse(seen.found, canonical_truth(own.content), names).threshold
    with TemporaryDirectory(prefix=".blend-", dir=_existing(output.parent)) as folder:
        checkpoint = Path(folder) / "blend.pth"
        teacher.save(alpha, checkpoint)
        blended = replace(
            run,
            summary=msgspec.structs.replace(run.summary, best=best),
            results=None,  # they tell of the best checkpoint
            checkpoint=checkpoint,
            threshold=threshold,
            blend=alpha,
            found=seen.found,
        )
        export_run(blended, output, merge=merge)


def _existing(folder: Path) -> Path:
    return folder if folder.is_dir() else _existing(folder.parent)
