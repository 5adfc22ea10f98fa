"""Console scripts: `inspect-data`, `train-teacher`, and `teacher` with both and more."""

from __future__ import annotations

from typing import Annotated

import typer

from train_teacher import __version__
from train_teacher.console.error_boundary import run_app
from train_teacher.console.fast_options import PlainValuesCommand


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"train-teacher {__version__}")
        raise typer.Exit


def _umbrella(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show it.")
    ] = False,
) -> None:
    """Look at a COCO data set and fine-tune an MM Grounding DINO teacher on it."""


def _single(command: object) -> typer.Typer:
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command(cls=PlainValuesCommand)(command)  # type: ignore[type-var]
    return app


def inspect_data() -> None:
    """Run `inspect-data`."""
    # A command does not wait for the modules of the others: that was half of its start.
    from train_teacher.inspection.command import inspect_command

    run_app(_single(inspect_command), "inspect-data")


def train_teacher() -> None:
    """Run `train-teacher`."""
    from train_teacher.training.command import train_command

    run_app(_single(train_command), "train-teacher")


def teacher() -> None:
    """Run `teacher`."""
    from train_teacher.doctor.command import doctor_command
    from train_teacher.evaluation.command import evaluate_command
    from train_teacher.inspection.command import inspect_command
    from train_teacher.prediction.command import predict_command
    from train_teacher.prompt_trials.command import prompts_command
    from train_teacher.reports.command import compare_command
    from train_teacher.teachers.export_command import export_command
    from train_teacher.training.command import train_command
    from train_teacher.weights.command import fetch_command

    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, no_args_is_help=True)
    app.callback()(_umbrella)
    app.command("inspect", cls=PlainValuesCommand)(inspect_command)
    app.command("train")(train_command)
    app.command("evaluate")(evaluate_command)
    app.command("predict")(predict_command)
    app.command("compare")(compare_command)
    app.command("prompts")(prompts_command)
    app.command("fetch")(fetch_command)
    app.command("doctor")(doctor_command)
    app.command("export")(export_command)
    run_app(app, "teacher")
