"""Text that `train-teacher` prints: the plan, the outcome, an interruption."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from train_teacher.config.model import joining_parts, random_frozen_parts
from train_teacher.config.schedule import Schedule
from train_teacher.console.follow_up import command_line
from train_teacher.core.python_files import python_files_allowed
from train_teacher.core.words import one_line, plural, score, shortened
from train_teacher.inspection.next_step import inspect_line
from train_teacher.reports.summary import Validation
from train_teacher.reports.verdict import ClassOutcome
from train_teacher.reports.write import RunResult
from train_teacher.runs.folder import RunFolder
from train_teacher.settings.schema import TeacherSettings
from train_teacher.splits.report import split_lines
from train_teacher.training.plan import TrainingPlan
from train_teacher.training.resume import ResumePlan

SHOWN_FINDINGS = 8
SHOWN_CLASSES = 20
LONGEST_NAME = 40
COLUMNS = 80
PLAIN = """\
plain     MMDetection's own types only. Of the frozen parts only the backbone
          is truly frozen (frozen_stages=4); any other part has a learning rate
          of 0: its dropout stays on, and its gradients take memory and count
          in clipping"""


def render_plan(plan: TrainingPlan, device: Sequence[str], stops: Sequence[str] = ()) -> str:
    """Return the summary of the plan, before anything is written.

    Args:
        plan: the plan.
        device: lines on what it computes on and what it needs.
        stops: reasons why the run could not start on this machine, for a dry run.
    """
    info, settings, schedule = plan.dataset_info, plan.settings, plan.generated.schedule
    lines = [
        f"data      {info.path}",
        *(
            f"  {s.name:<6}  {plural(s.num_images, 'image')}, "
            f"{plural(s.num_boxes, 'box', 'boxes')}, "
            f"{plural(s.num_empty_images, 'image')} without boxes"
            for s in info.splits
        ),
        *(split_lines(plan.manager.split_report) if plan.manager.split_report else ()),
        *([f"tiles     {plan.tiles} in RUN/data/tiles"] if plan.tiles else ()),
        f"classes   {info.num_classes}: {one_line(', '.join(info.told_names))}",
        f"prompt    {_prompt(plan)}",
        f"model     {settings.model}, weights {Path(settings.weights).name}",
        *(f"auto      {name}: {why}" for name, why in settings.decided.auto_reasons.items()),
        *_recipe(settings),
        f"frozen    {frozen_line(settings, plan.frozen)}",
        *([PLAIN] if settings.plain else ()),
        f"schedule  {_length(schedule)}, batch {settings.batch_size}, lr {schedule.lr:g}",
        f"scales    {_scales(settings)}",
        *_set_lines(plan),
        *filter(None, device),
        f"output    {plan.folder.root}",
    ]
    lines += [*_random_parts(plan), *_findings(plan)]
    lines += [f"on this machine it would stop: {reason}" for reason in stops]
    return "\n".join(lines) + "\n"


def _recipe(settings: TeacherSettings) -> list[str]:
    names = ", ".join(settings.decided.from_recipe)
    return [f"recipe    {settings.recipe}: {names}"] if names else []


def _length(schedule: Schedule) -> str:
    epochs = plural(schedule.epochs, "epoch")
    if schedule.val_interval > 1:
        epochs += f" (validated every {schedule.val_interval})"
    if schedule.iterations_per_epoch % schedule.accumulation:
        return f"{epochs}, {plural(schedule.steps, 'step')}"
    each = schedule.iterations_per_epoch // schedule.accumulation
    return f"{epochs} x {plural(each, 'step')} = {plural(schedule.steps, 'step')}"


def _scales(settings: TeacherSettings) -> str:
    """Return the sizes that images are resized to, in pixels."""
    sides = [scale[0] for scale in settings.train_scales or ()]
    short = f"{min(sides)} to {max(sides)}" if len(set(sides)) > 1 else f"{sides[0]}"
    largest = settings.val_scale or ()
    return f"short side {short} pixels in training, {' x '.join(map(str, largest))} in validation"


def frozen_line(settings: TeacherSettings, frozen: Sequence[str]) -> str:
    """Return what is frozen, and what is so for a while.

    Args:
        frozen: parts that never change.
    """
    if settings.tune == "lora":
        return f"everything; trained are adapters of rank {settings.lora_rank} and small modules"
    always = ", ".join(frozen) or "nothing"
    waiting = ", ".join(joining_parts(settings))
    at = settings.unfreeze_at
    until = "the rate falls" if at == "plateau" else f"after epoch {at}"
    return f"{always}; until {until}: {waiting}" if waiting else always


def _prompt(plan: TrainingPlan) -> str:
    prompt = plan.dataset_info.prompt
    estimate = "" if prompt.exact else " (estimate: no vocabulary available)"
    if prompt.fits:
        return f"{prompt.tokens} of {prompt.limit} tokens{estimate}"
    key = "model.test_cfg.chunked_size"
    size = next(o.value for o in reversed(plan.generated.overrides) if o.key == key)
    parts = -(-plan.dataset_info.num_classes // size)
    return (
        f"{prompt.tokens} tokens, {prompt.limit} in one{estimate}: an image is trained with some "
        f"of the classes, validated with {parts} prompts of {size}"
    )


def _random_parts(plan: TrainingPlan) -> list[str]:
    parts = random_frozen_parts(plan.settings)
    if not parts:
        return []
    return [
        f"warning   --weights none leaves {' and '.join(parts)} frozen at random values: the run "
        "shows that everything works,",
        "          but gives no useful teacher. Give --weights, or train every part: --tune full",
    ]


def _findings(plan: TrainingPlan) -> list[str]:
    findings = [f for f in plan.dataset_info.findings if f.severity != "info"]
    if not findings:
        return []
    splits: dict[str, list[str]] = {}
    for finding in findings:
        text = f"{finding.severity:<9} {finding.code} {one_line(finding.message)}"
        where = splits.setdefault(text, [])
        if finding.split:
            where.append(finding.split)
    shown = [f"{text} ({', '.join(where)})" if where else text for text, where in splits.items()]
    hidden = len(shown) - SHOWN_FINDINGS
    return [
        *shown[:SHOWN_FINDINGS],
        *([f"          and {hidden} more"] if hidden > 0 else []),
        f"          explained by: {inspect_line(plan.manager.request)}",
    ]


def _set_lines(plan: TrainingPlan) -> list[str]:
    was_set = (f"set       {key} = {value!r}" for key, value in plan.settings.set.items())
    edited = (f"edited    {key} = {value}" for key, value in plan.settings.edited.items())
    return [*(shortened(line, COLUMNS) for line in (*was_set, *edited))]


def render_result(result: RunResult) -> str:
    """Return the outcome: before, best, and the paths of all files."""
    summary, folder = result.report.summary, result.folder
    lines = []
    if summary.before:
        lines.append(f"before: {_scores(summary.before)} (base weights)")
    if summary.last:
        lines.append(f"after:  {_scores(summary.last)} (epoch {summary.last.epoch})")
    if summary.best and summary.last and summary.best.epoch != summary.last.epoch:
        when = f"epoch {summary.best.epoch}" if summary.best.epoch else "base weights"
        lines.append(f"best:   {_scores(summary.best)} ({when})")
    if test := result.report.test:
        best, half = test.best.average_precision, test.best.average_precision_50
        lines.append(
            f"test:   test bbox mAP {score(best)}, mAP50 {score(half)} (best weights, "
            f"{plural(test.num_images, 'image')})"
        )
    if summary.best and summary.best.epoch:
        lines += class_table(result.report.classes)
    lines += [result.report.verdict.headline, *result.report.verdict.sentences]
    lines.append(f"modules: {result.report.modules}")
    lines.append(f"best weights: {folder.checkpoints / 'best.pth'}")
    if folder.adapter.exists():
        lines.append(f"adapter: {folder.adapter}")
    lines.append(f"report: {folder.report}")
    return "\n".join(lines)


def next_step(folder: RunFolder) -> str:
    """Return the next step with a trained teacher, in a line that ends with the command."""
    told = {"output": "labels.json", "allow_python_config": python_files_allowed()}
    line = command_line("teacher predict", folder.root, "IMAGES", **told)
    return f"next, if the report says that it is good enough, to label your images: {line}"


def class_table(classes: Sequence[ClassOutcome]) -> list[str]:
    """Return box AP of every class before and after, those that changed most first.

    One class alone, or none with both scores, makes no table.
    """
    changed = sorted((c for c in classes if c.gain is not None), key=lambda c: -abs(c.gain or 0.0))
    rest = [c for c in classes if c.gain is None and c.best is not None]
    rows = [
        (one_line(c.name, LONGEST_NAME), _number(c.before), _number(c.best), _number(c.gain, "+"))
        for c in (*changed, *rest)[:SHOWN_CLASSES]
    ]
    if len(classes) < 2 or not rows:  # noqa: PLR2004 - of one class the lines above say it all
        return []
    wide = max(len("class"), *(len(row[0]) for row in rows))
    lines = [f"  {name:<{wide}}  {was:>6}  {now:>6}  {by:>6}" for name, was, now, by in rows]
    hidden = len(changed) + len(rest) - len(rows)
    head = f"  {'class':<{wide}}  {'before':>6}  {'best':>6}  {'change':>6}"
    return [head, *lines, *([f"  ... and {hidden} more in report.html"] if hidden else [])]


def _number(value: float | None, sign: str = "") -> str:
    return "-" if value is None else f"{value:{sign}.3f}"


def _scores(validation: Validation) -> str:
    return f"val bbox mAP {validation.map:.3f}, mAP50 {validation.map_50:.3f}"


def render_resume(plan: ResumePlan, device: Sequence[str]) -> str:
    """Return where a run is resumed, its device, and its changes."""
    found = plan.found
    if found.checkpoint is None:
        first = f"run       {plan.folder.root}: nothing was saved yet, so it starts again"
    elif found.epoch == plan.epochs:
        first = (
            f"run       {plan.folder.root}: all {plan.epochs} epochs are trained; what is left is "
            "the last validation and the report"
        )
    else:
        first = (
            f"run       {plan.folder.root}: continues after epoch {found.epoch} of {plan.epochs}, "
            f"step {found.step} ({found.checkpoint.name})"
        )
    return "\n".join([first, *device, *(f"note      {note}" for note in plan.notes)]) + "\n"


def render_interruption(folder: RunFolder, *, plain: bool = False) -> str:
    """Return what is kept after Ctrl-C, and how to resume; a plain run cannot."""
    if not folder.root.exists():
        return "\ninterrupted before training began; nothing was kept."
    kept = [path.name for path in sorted(folder.checkpoints.glob("*.pth"))]
    allowed = python_files_allowed()
    options = {"output": folder.root, "resume": True, "allow_python_config": allowed}
    again = f"Continue: {command_line('train-teacher', **options)}"
    if plain:
        again = "A run with --plain cannot be resumed exactly."
    if not kept:
        return f"\ninterrupted before anything was saved in {folder.root}. {again}"
    return f"\ninterrupted. Kept in {folder.checkpoints}: {', '.join(kept)}. {again}"
