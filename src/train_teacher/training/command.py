"""`train-teacher`: options in, one use case, a summary out."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from train_teacher.console.error_boundary import keep_tracebacks_in
from train_teacher.console.options import AllowPythonConfigOption, parse_assignments
from train_teacher.console.signals import interruptible
from train_teacher.core.errors import UsageError
from train_teacher.core.terminal_text import plain
from train_teacher.settings.schema import field_help

if TYPE_CHECKING:
    from train_teacher.engine.outer_launch import Others

NO_SETTINGS = frozenset(
    {"class_prompt", "set_", "config", "resume", "dry_run", "allow_python_config"}
)
"""Parameters of the command that are no settings of their own name."""


def _option(name: str, *flags: str, metavar: str | None = None) -> Any:
    return typer.Option(*flags, help=field_help(name), metavar=metavar, show_default=False)


def train_command(
    data: Annotated[str | None, _option("data", "--data", metavar="DATA.json|FOLDER")] = None,
    output: Annotated[str | None, _option("output", "--output", metavar="DIR")] = None,
    val: Annotated[str | None, _option("val", "--val", metavar="FILE")] = None,
    test: Annotated[str | None, _option("test", "--test", metavar="FILE")] = None,
    images: Annotated[str | None, _option("images", "--images", metavar="DIR")] = None,
    split: Annotated[str | None, _option("split", "--split", metavar="0.7/0.15/0.15")] = None,
    group_by: Annotated[str | None, _option("group_by", "--group-by", metavar="RULE")] = None,
    seed: Annotated[int | None, _option("seed", "--seed")] = None,
    model: Annotated[str | None, _option("model", "--model", metavar="PRESET")] = None,
    weights: Annotated[
        str | None, _option("weights", "--weights", metavar="auto|none|PATH|URL")
    ] = None,
    language_model: Annotated[
        str | None, _option("language_model", "--language-model", metavar="NAME|DIR")
    ] = None,
    tune: Annotated[str | None, _option("tune", "--tune", metavar="frozen|lora|full")] = None,
    freeze: Annotated[list[str] | None, _option("freeze", "--freeze", metavar="PART")] = None,
    lora_rank: Annotated[int | None, _option("lora_rank", "--lora-rank")] = None,
    epochs: Annotated[int | None, _option("epochs", "--epochs")] = None,
    steps: Annotated[int | None, _option("steps", "--steps")] = None,
    batch_size: Annotated[
        str | None, _option("batch_size", "--batch-size", metavar="N|auto")
    ] = None,
    lr: Annotated[float | None, _option("lr", "--lr")] = None,
    precision: Annotated[
        str | None, _option("precision", "--precision", metavar="auto|fp32|bf16|fp16")
    ] = None,
    device: Annotated[str | None, _option("device", "--device", metavar="auto|cpu|cuda")] = None,
    gpus: Annotated[int | None, _option("gpus", "--gpus")] = None,
    tensorboard: Annotated[bool | None, _option("tensorboard", "--tensorboard")] = None,
    wandb: Annotated[str | None, _option("wandb", "--wandb", metavar="PROJECT")] = None,
    retain: Annotated[str | None, _option("retain", "--retain", metavar="FILE")] = None,
    retain_images: Annotated[
        str | None, _option("retain_images", "--retain-images", metavar="DIR")
    ] = None,
    class_prompt: Annotated[
        list[str] | None, _option("prompts", "--class-prompt", metavar="NAME=PHRASE")
    ] = None,
    set_: Annotated[list[str] | None, _option("set", "--set", metavar="KEY=VALUE")] = None,
    config: Annotated[
        Path | None, typer.Option("--config", help="YAML file with any of these settings.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run in --output where it stopped.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the config, write and train nothing.")
    ] = False,
    allow_python_config: AllowPythonConfigOption = False,
) -> int:
    """Fine-tune a Grounding DINO teacher on a COCO data set.

    Every option can also be written in a YAML file (--config); the command line wins.
    """
    given = {
        name: value
        for name, value in locals().items()
        if name not in NO_SETTINGS and value is not None
    }
    if batch_size is not None:
        given["batch_size"] = _yaml_value("batch_size", batch_size)
    if class_prompt:
        given["prompts"] = parse_assignments(class_prompt, "--class-prompt")
    if set_:
        pairs = parse_assignments(set_, "--set")
        given["set"] = {key: _yaml_value(key, value) for key, value in pairs.items()}
    if resume and dry_run:
        raise UsageError("--resume and --dry-run exclude each other.")
    with interruptible():
        if resume:
            return _together(given, lambda others: _resume(given, config, others))
        if dry_run:
            return _train(given, config, dry_run=True)
        return _together(given, lambda others: _train(given, config, others))


def _together(given: dict[str, Any], work: Callable[[Others | None], int]) -> int:
    """Work alone, or among the processes that torchrun or srun started."""
    from train_teacher.engine.outer_launch import among_others

    with among_others() as others:
        if others is None:
            return work(None)
        size = others.launcher.world_size
        if given.setdefault("gpus", size) != size:
            raise UsageError(
                f"--gpus {given['gpus']}: {size} processes were started from outside. Leave --gpus "
                "out there."
            )
        return work(others) if others.launcher.leads else others.follow()


def _train(
    given: dict[str, Any],
    config: Path | None,
    others: Others | None = None,
    *,
    dry_run: bool = False,
) -> int:
    from train_teacher.console.progress import progress_line
    from train_teacher.settings.read import read_layers
    from train_teacher.training import plan as use_case
    from train_teacher.training import text as training_text
    from train_teacher.training.choose_model import settle_model

    settings, manager = settle_model(read_layers(given, config), given, config)
    plan = use_case.plan_training(
        settings,
        manager=manager,
        dry_run=dry_run,
        progress=progress_line("weights", unit="MiB", per=2**20),
    )
    text = training_text.render_plan(plan, detailed=dry_run)
    print(plain(text), file=sys.stderr)  # noqa: T201
    if dry_run:
        sys.stdout.write(plan.config_text)
        return 0
    keep_tracebacks_in(plan.folder.log)
    try:
        result = use_case.train_teacher(
            plan, retained=progress_line("retained images"), others=others
        )
    except KeyboardInterrupt:
        print(training_text.render_interruption(plan.folder), file=sys.stderr)  # noqa: T201
        return 130
    print(plain(training_text.render_result(result)))  # noqa: T201
    return 0


def _resume(given: dict[str, Any], config: Path | None, others: Others | None) -> int:
    from train_teacher.console.progress import progress_line
    from train_teacher.training import resume as use_case
    from train_teacher.training import text as training_text

    with use_case.held_run(given) as folder:
        plan = use_case.plan_resume(folder, given, config)
        print(plain(training_text.render_resume(plan)), file=sys.stderr)  # noqa: T201
        keep_tracebacks_in(folder.log)
        try:
            result = use_case.resume_training(
                plan, retained=progress_line("retained images"), others=others
            )
        except KeyboardInterrupt:
            print(training_text.render_interruption(folder), file=sys.stderr)  # noqa: T201
            return 130
    print(plain(training_text.render_result(result)))  # noqa: T201
    return 0


def _yaml_value(key: str, text: str) -> Any:
    from train_teacher.settings.yaml_files import parse_value

    if not text.strip():
        raise UsageError(f"--set {key}=: has no value; write {key}=null for none at all.")
    return parse_value(text)
