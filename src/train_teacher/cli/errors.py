"""The one place where an exception becomes a message and an exit code."""

from __future__ import annotations

import os
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path

import typer
from typer.exceptions import TyperException

from train_teacher import __version__
from train_teacher.domain.errors import UserError

EXIT_OK, EXIT_FAILED, EXIT_USAGE, EXIT_BUG, EXIT_INTERRUPTED = 0, 1, 2, 3, 130


def run_app(app: typer.Typer, prog_name: str) -> None:
    """Run a command line and exit with the codes of the contract.

    Args:
        app: the typer application.
        prog_name: shown in usage lines.
    """
    sys.exit(guarded(lambda: _invoke(app, prog_name)))


def _invoke(app: typer.Typer, prog_name: str) -> int:
    try:
        result = typer.main.get_command(app).main(prog_name=prog_name, standalone_mode=False)
    except typer.Exit as stop:
        return stop.exit_code
    except TyperException as error:
        show = getattr(error, "show", None)
        if show is None:
            raise
        show()
        return error.exit_code
    return result if isinstance(result, int) else EXIT_OK


def guarded(work: Callable[[], int]) -> int:
    """Run `work`; turn what it raises into a message on stderr and an exit code."""
    try:
        return work()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201 - the error channel
        return error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        print("\ninterrupted", file=sys.stderr)  # noqa: T201 - the error channel
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader (`| head`) has gone; Python must not complain about it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_OK
    except Exception as error:  # noqa: BLE001 - the outermost boundary: a bug gets a log file
        log = _write_bug_report()
        print(  # noqa: T201 - the error channel
            f"internal error: {type(error).__name__}: {error}\n"
            f"This is a bug in train-teacher {__version__}, not your mistake. Details: {log}",
            file=sys.stderr,
        )
        return EXIT_BUG


def _write_bug_report() -> Path:
    with tempfile.NamedTemporaryFile(
        "w", prefix="train-teacher-", suffix=".log", delete=False, encoding="utf-8"
    ) as file:
        file.write(f"train-teacher {__version__}\n{' '.join(sys.argv)}\n\n")
        traceback.print_exc(file=file)
        return Path(file.name)
