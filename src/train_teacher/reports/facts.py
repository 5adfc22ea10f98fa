"""The facts of a finished run: the content of `results.json`, shown by `report.html`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from train_teacher.inspection.facts import (
    DatasetInfo,
    Finding,
    MaskInfo,
    PromptInfo,
    SizeInfo,
    SplitInfo,
)
from train_teacher.reports.final_scores import FinalScores
from train_teacher.reports.forgetting import RetainedScores, tell_of_forgetting
from train_teacher.reports.summary import RunCost, RunSummary
from train_teacher.reports.verdict import (
    ClassOutcome,
    Measured,
    Verdict,
    judge_run,
    measured_finally,
    outcomes,
)
from train_teacher.scores.analysis import Confusion, DetectionAnalysis, PrecisionRecall
from train_teacher.scores.bootstrap import Chance
from train_teacher.scores.labelling import LabelQuality, label_quality

FORMAT = 1
"""Of results.json; a member that is added does not change it."""
KEPT_CONFUSIONS = 30
MOST_IN_MATRIX = 20
"""Classes up to which confusions are kept as a matrix; a larger one cannot be read."""


class ClassErrors(msgspec.Struct, frozen=True):
    """Errors of one class at the threshold."""

    name: str
    missed: int
    """Objects that nothing was found on."""
    background: int
    """Detections where there is nothing."""


class RunReport(msgspec.Struct, frozen=True, kw_only=True):
    """All reported facts of a run."""

    format: int = FORMAT
    name: str
    """Of the run folder."""
    model: str
    tune: str
    modules: str = "accelerated"
    """Modules that were trained: `plain`, `own modules` or `accelerated`."""
    data: str
    version: str
    """Of train-teacher."""
    command: str
    """Repeats the run."""
    verdict: Verdict
    summary: RunSummary
    classes: tuple[ClassOutcome, ...]
    cost: RunCost
    splits: tuple[SplitInfo, ...]
    findings: tuple[Finding, ...]
    settings: dict[str, Any]
    reasons: dict[str, str] = {}
    """Reason for a setting's value, where there is more to say than its source."""
    sources: dict[str, str] = {}
    """Source of a setting: you, preset, default, or chosen from the data."""
    prompt: PromptInfo | None = None
    phrases: dict[str, str] = {}
    """Phrase that the model reads for a class, where that is not its name."""
    sizes: SizeInfo | None = None
    masks: MaskInfo | None = None
    dropped: dict[str, int] = {}
    """Annotations that never become a training box, by reason."""
    chance: Chance | None = None
    """Bootstrap confidence interval of the gain, where the validation split is small."""
    labels: LabelQuality | None = None
    """Missed objects and false boxes of the best epoch on the validation split, at `threshold`."""
    test: FinalScores | None = None
    """The test split, None where there is none or it was not scored."""
    test_failure: str = ""
    """Reason why it was not scored."""
    environment: dict[str, str] = {}
    files: dict[str, int] = {}
    """Bytes of the files of the run."""
    freeze_table: str = ""
    retained: RetainedScores | None = None
    """Forgetting on other data (--retain)."""
    threshold: float | None = None
    """Score at which `confusions`, `confusion_matrix` and `errors` were counted."""
    confusion_matrix: tuple[tuple[int, ...], ...] = ()
    """Truth by what was detected there, the last row and column being nothing; empty where there
    are too many classes."""
    confusions: tuple[Confusion, ...] = ()
    errors: tuple[ClassErrors, ...] = ()
    precision_recall: tuple[PrecisionRecall, ...] = ()


def build_report(
    info: DatasetInfo,
    summary: RunSummary,
    *,
    before: DetectionAnalysis | None,
    best: DetectionAnalysis | None,
    settings: Mapping[str, Any],
    chance: Chance | None = None,
    test: FinalScores | None = None,
    test_failure: str = "",
    losses: Sequence[float] = (),
    **facts: Any,
) -> RunReport:
    """Collect the facts of a run; detections that were not kept are None."""
    boxes = {split.name: split.boxes_per_class for split in info.splits}
    nothing = (0,) * info.num_classes
    val = boxes.get("val", nothing)
    recall = {c.name: c.recall for c in before.classes} if before else {}
    classes = outcomes(info.own_names, boxes.get("train", nothing), val, summary, recall)
    labels = label_quality(best) if best else None
    validation = Measured(
        split="validation",
        boxes=sum(val),
        before=summary.before.map if summary.before else None,
        best=summary.best.map if summary.best and sum(val) else None,
        chance=chance,
        labels=labels,
    )
    verdict = judge_run(
        summary,
        classes,
        validation,
        test=measured_finally(test) if test else None,
        test_failure=test_failure,
        losses=losses,
        findings=info.findings,
    )
    if retained := facts.get("retained"):
        told = tell_of_forgetting(retained, str(settings["tune"]))
        verdict = msgspec.structs.replace(verdict, sentences=(*verdict.sentences, *told))
    return RunReport(
        model=str(settings["model"]),
        tune=str(settings["tune"]),
        data=str(settings["data"]),
        verdict=verdict,
        summary=summary,
        classes=classes,
        splits=info.splits,
        findings=info.findings,
        prompt=info.prompt,
        phrases=info.phrases,
        sizes=info.sizes,
        masks=info.masks,
        dropped=info.trained.dropped,
        chance=chance,
        labels=labels,
        test=test,
        test_failure=test_failure,
        settings=dict(settings),
        threshold=best.threshold if best else None,
        confusions=best.confusions[:KEPT_CONFUSIONS] if best else (),
        confusion_matrix=best.matrix if best and info.num_classes <= MOST_IN_MATRIX else (),
        errors=_errors(info.own_names, best),
        precision_recall=best.classes if best else (),
        **facts,
    )


def _errors(names: Sequence[str], best: DetectionAnalysis | None) -> tuple[ClassErrors, ...]:
    if best is None:
        return ()
    return tuple(map(ClassErrors, names, best.missed, best.background))
