"""What `train-teacher` prints: the plan, the outcome, an interruption."""

from __future__ import annotations

import shlex

from train_teacher.application.run_results import RunResult
from train_teacher.application.train_teacher import TrainingPlan
from train_teacher.domain.config_overrides import random_frozen_parts
from train_teacher.domain.run_summary import Validation

SHOWN_FINDINGS = 8


def render_plan(plan: TrainingPlan, *, detailed: bool) -> str:
    """Return what will be trained and how, before anything is written.

    Args:
        plan: the plan.
        detailed: also list every value that is set, with its reason, and the differences from
            the official recipe.
    """
    info, settings, schedule = plan.dataset_info, plan.settings, plan.generated.schedule
    lines = [
        f"data      {info.path}",
        *(
            f"  {s.name:<6}  {s.num_images} images, {s.num_boxes} boxes, "
            f"{s.num_empty_images} images without boxes"
            for s in info.splits
        ),
        f"classes   {info.num_classes}: {_shorten(', '.join(info.class_names))}",
        f"prompt    {info.prompt.tokens} of {info.prompt.limit} tokens"
        f"{'' if info.prompt.exact else ' (estimate: no vocabulary at hand)'}",
        f"model     {settings.model}, weights {settings.weights}",
        f"frozen    {', '.join(plan.frozen) or 'nothing'}",
        f"schedule  {schedule.epochs} epochs x {schedule.steps_per_epoch} steps = "
        f"{schedule.steps} steps, batch {settings.batch_size}, lr {schedule.lr:g}",
        f"output    {plan.folder.root}",
    ]
    lines += [*_random_parts(plan), *_findings(plan)]
    if detailed:
        lines += ["", "values set, and why:", *_values(plan)]
        lines += ["", "different from the official recipe (recipe -> this run):", *_diff(plan)]
    return "\n".join(lines) + "\n"


def _random_parts(plan: TrainingPlan) -> list[str]:
    parts = random_frozen_parts(plan.settings)
    if not parts:
        return []
    return [
        f"warning   --weights none leaves {' and '.join(parts)} frozen at random values: the run "
        "shows that everything works,",
        "          it makes no useful teacher. Give --weights, or train every part: --tune full",
    ]


def _findings(plan: TrainingPlan) -> list[str]:
    findings = [f for f in plan.dataset_info.findings if f.severity != "info"]
    if not findings:
        return []
    splits: dict[str, list[str]] = {}
    for finding in findings:
        text = f"{finding.severity:<9} {finding.code} {_shorten(finding.message)}"
        where = splits.setdefault(text, [])
        if finding.split:
            where.append(finding.split)
    shown = [f"{text} ({', '.join(where)})" if where else text for text, where in splits.items()]
    hidden = len(shown) - SHOWN_FINDINGS
    return [
        *shown[:SHOWN_FINDINGS],
        *([f"          and {hidden} more"] if hidden > 0 else []),
        f"          explained by: inspect-data {shlex.quote(plan.dataset_info.path)}",
    ]


def _values(plan: TrainingPlan) -> list[str]:
    return [
        f"  {o.key} = {_shorten(repr(o.value))}\n      {o.reason}" for o in plan.generated.overrides
    ]


def _diff(plan: TrainingPlan) -> list[str]:
    return [f"  {key}: {_side(theirs)} -> {_side(ours)}" for key, theirs, ours in plan.differences]


def _side(value: object) -> str:
    return "(absent)" if value is ... else _shorten(repr(value), 60)


def _shorten(text: str, length: int = 100) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= length else flat[: length - 3] + "..."


def render_result(result: RunResult) -> str:
    """Return the outcome: before, best, and where everything lies."""
    summary, folder = result.summary, result.folder
    lines = []
    if summary.before:
        lines.append(f"before: {_scores(summary.before)} (base weights)")
    if summary.last:
        lines.append(f"after:  {_scores(summary.last)} (epoch {summary.last.epoch})")
    if summary.best and summary.last and summary.best.epoch != summary.last.epoch:
        lines.append(f"best:   {_scores(summary.best)} (epoch {summary.best.epoch})")
    if summary.before and summary.best and summary.best.epoch == 0:
        lines.append("No epoch was better than the base weights: best.pth holds those.")
    lines.append(f"best weights: {folder.checkpoints / 'best.pth'}")
    if folder.adapter.exists():
        lines.append(f"adapter: {folder.adapter}")
    lines.append(f"report: {folder.report}")
    return "\n".join(lines)


def _scores(validation: Validation) -> str:
    return f"val bbox mAP {validation.map:.3f}, mAP50 {validation.map_50:.3f}"


def render_interruption(plan: TrainingPlan) -> str:
    """Return what is kept after Ctrl-C."""
    kept = [path.name for path in sorted(plan.folder.checkpoints.glob("*.pth"))]
    if not kept:
        return (
            f"\ninterrupted before the first epoch ended: {plan.folder.root} holds no checkpoint; "
            "remove it or give another --output to start again."
        )
    return (
        f"\ninterrupted. Kept in {plan.folder.checkpoints}: {', '.join(kept)} "
        "(last.pth is the state after the last finished epoch)."
    )
