"""`train-teacher`: the command line."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from train_teacher.console.command import FILE, command, flag, option
from train_teacher.console.error_boundary import keep_tracebacks_in
from train_teacher.console.options import allow_python_config_option
from train_teacher.console.signals import interruptible
from train_teacher.core.errors import UsageError
from train_teacher.core.memory_allocator import join_freed_gpu_memory
from train_teacher.core.terminal_text import plain
from train_teacher.training.options import given_settings, setting_of_file, setting_options

if TYPE_CHECKING:
    from train_teacher.engine.outer_launch import Others
    from train_teacher.runs.edited_config import EditedConfig
    from train_teacher.settings.schema import TeacherSettings


@command(params=setting_options(), unknown=setting_of_file)
@option("--config", type=FILE, metavar="FILE", help="YAML file with any of these settings.")
@flag("--resume", "Continue the run in --output where it stopped.")
@flag("--dry-run", "Print the config; write and train nothing.")
@flag("--diff", "With --dry-run: print what differs from the official recipe, and why.")
@allow_python_config_option
def train_command(
    config: Path | None, resume: bool, dry_run: bool, diff: bool, **settings: Any
) -> int:
    """Fine-tune a Grounding DINO teacher on a COCO data set.

    Every option can also be written in a YAML file (--config); the command line wins.
    """
    given = given_settings(settings)
    if resume and dry_run:
        raise UsageError("--resume and --dry-run exclude each other.")
    if resume and "mmdet_config" in given:
        raise UsageError("--resume and --mmdet-config exclude each other: the run has its config.")
    if diff and not dry_run:
        raise UsageError("--diff goes with --dry-run: it prints, and trains nothing.")
    with interruptible():
        if resume:
            return _together(given, lambda others: _resume(given, config, others))
        if dry_run:
            return _dry_run(given, config, diff=diff)
        return _together(given, lambda others: _train(given, config, others))


def _together(given: dict[str, Any], work: Callable[[Others | None], int]) -> int:
    """Work alone, or among the processes of torchrun or srun."""
    join_freed_gpu_memory()
    from train_teacher.engine.machine import hide_gpus
    from train_teacher.engine.outer_launch import among_others

    if given.get("device") == "cpu":
        # The processes connect before the leader has read the settings.
        hide_gpus()

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


def _dry_run(given: dict[str, Any], config: Path | None, *, diff: bool) -> int:
    from train_teacher.training import plan as use_case
    from train_teacher.training.device import device_lines, memory_line
    from train_teacher.training.differences_text import render_differences
    from train_teacher.training.obstacles import download_line, obstacles
    from train_teacher.training.settle_auto import settle_auto
    from train_teacher.training.text import render_plan
    from train_teacher.weights.missing import missing_files

    edited, asked = _asked(given, config)
    settings, manager = settle_auto(asked, given, config, dry_run=True)
    plan = use_case.plan_training(settings, manager=manager, edited=edited, dry_run=True)
    missing = missing_files(settings)
    device = [*device_lines(plan.settings), memory_line(plan.settings), download_line(missing)]
    summary = render_plan(plan, device, obstacles(settings, missing))
    # The summary comes last: it is what remains on the screen.
    sys.stdout.write(render_differences(plan) if diff else plan.config_text)
    sys.stdout.flush()
    print(plain(summary), file=sys.stderr)  # noqa: T201
    return 0


def _asked(
    given: dict[str, Any], config: Path | None
) -> tuple[EditedConfig | None, TeacherSettings]:
    """Return the config that the user edited, if any, and the settings without its changes."""
    if "mmdet_config" not in given:
        from train_teacher.settings.read import read_layers

        return None, read_layers(given, config)
    from train_teacher.runs.edited_config import read_edited, settings_beneath

    edited = read_edited(Path(given["mmdet_config"]), given)
    return edited, settings_beneath(edited, given, config)


def _train(given: dict[str, Any], config: Path | None, others: Others | None) -> int:
    from train_teacher.console.progress import progress_line
    from train_teacher.engine import machine
    from train_teacher.training import plan as use_case
    from train_teacher.training import text as training_text
    from train_teacher.training.device import device_lines
    from train_teacher.training.settle_auto import settle_auto

    edited, settings = _asked(given, config)
    if others is None:
        machine.require_gpus(settings.device, settings.gpus)
    settings, manager = settle_auto(settings, given, config)
    plan = use_case.plan_training(
        settings,
        manager=manager,
        edited=edited,
        progress=progress_line("weights", unit="MiB", per=2**20),
    )
    text = training_text.render_plan(plan, device_lines(plan.settings))
    print(plain(text), file=sys.stderr)  # noqa: T201
    keep_tracebacks_in(plan.folder.log)
    try:
        result = use_case.train_teacher(plan, others=others)
    except KeyboardInterrupt:
        told = training_text.render_interruption(plan.folder, plain=plan.settings.plain)
        print(told, file=sys.stderr)  # noqa: T201
        return 130
    print(plain(training_text.render_result(result)))  # noqa: T201
    print(plain(training_text.next_step(result.folder)), file=sys.stderr)  # noqa: T201
    return 0


def _resume(given: dict[str, Any], config: Path | None, others: Others | None) -> int:
    from train_teacher.engine import machine
    from train_teacher.training import resume as use_case
    from train_teacher.training import text as training_text
    from train_teacher.training.device import device_lines

    with use_case.held_run(given) as folder:
        plan = use_case.plan_resume(folder, given, config)
        if others is None:
            machine.require_gpus(plan.settings.device, plan.settings.gpus, resumed=True)
        text = training_text.render_resume(plan, device_lines(plan.settings))
        print(plain(text), file=sys.stderr)  # noqa: T201
        keep_tracebacks_in(folder.log)
        try:
            result = use_case.resume_training(plan, others=others)
        except KeyboardInterrupt:
            print(training_text.render_interruption(folder), file=sys.stderr)  # noqa: T201
            return 130
    print(plain(training_text.render_result(result)))  # noqa: T201
    print(plain(training_text.next_step(result.folder)), file=sys.stderr)  # noqa: T201
    return 0
