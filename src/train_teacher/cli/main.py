"""Console scripts: `inspect-data`, `train-teacher`, and `teacher` with all commands."""

from __future__ import annotations

from copy import copy

import click

from train_teacher import __version__
from train_teacher.console.command import OrderedGroup
from train_teacher.console.error_boundary import run_command


def _with_version(command: click.Command) -> click.Command:
    # A copy: the commands of `teacher` are these same objects, and have no version of their own.
    shown = copy(command)
    shown.params = [*command.params]
    return click.version_option(__version__, message="train-teacher %(version)s")(shown)


def inspect_data() -> None:
    """Run `inspect-data`."""
    # A command does not import the modules of the others: that was half of its start-up time.
    from train_teacher.inspection.command import inspect_command

    run_command(_with_version(inspect_command), "inspect-data")


def train_teacher() -> None:
    """Run `train-teacher`."""
    from train_teacher.training.command import train_command

    run_command(_with_version(train_command), "train-teacher")


def teacher() -> None:
    """Run `teacher`."""
    run_command(_with_version(teacher_group()), "teacher")


def teacher_group() -> click.Group:
    """Return `teacher`, with every command."""
    from train_teacher.audit.command import audit_command
    from train_teacher.blending.command import blend_command
    from train_teacher.doctor.command import doctor_command
    from train_teacher.evaluation.command import evaluate_command
    from train_teacher.inspection.command import inspect_command
    from train_teacher.prediction.command import predict_command
    from train_teacher.prompt_trials.command import prompts_command
    from train_teacher.reports.command import compare_command
    from train_teacher.teachers.export_command import export_command
    from train_teacher.training.command import train_command
    from train_teacher.weights.command import fetch_command

    commands = {
        "inspect": inspect_command,
        "train": train_command,
        "evaluate": evaluate_command,
        "predict": predict_command,
        "blend": blend_command,
        "audit": audit_command,
        "compare": compare_command,
        "prompts": prompts_command,
        "fetch": fetch_command,
        "doctor": doctor_command,
        "export": export_command,
    }
    return OrderedGroup(
        commands=commands,
        help="Inspect a COCO data set and fine-tune an MM Grounding DINO teacher on it.",
        no_args_is_help=True,
        context_settings={"max_content_width": 100},
    )
