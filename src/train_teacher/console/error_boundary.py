"""The one place that turns an exception into a message and an exit code."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sys
import textwrap
import traceback
from collections.abc import Callable
from contextvars import ContextVar
from pathlib import Path

import click

from train_teacher import __version__
from train_teacher.console.progress import close
from train_teacher.core.cores import let_threads_sleep
from train_teacher.core.errors import UserError
from train_teacher.core.terminal_text import plain
from train_teacher.failures.catalogue import FailureFacts, Translation, recognise

MIN_WIDTH, MAX_WIDTH = 50, 100
EXIT_OK, EXIT_FAILED, EXIT_BUG, EXIT_INTERRUPTED = 0, 1, 3, 130
# torch/_utils.py, ExceptionWrapper
WORKER_TRACEBACK = "Original Traceback (most recent call last)"

_RUN_LOG: ContextVar[Path | None] = ContextVar("run_log", default=None)


def run_command(command: click.Command, prog_name: str) -> None:
    """Run a command line and exit with the codes of the contract."""
    let_threads_sleep()
    sys.exit(guarded(lambda: _invoke(command, prog_name)))


def _invoke(command: click.Command, prog_name: str) -> int:
    try:
        result = command.main(prog_name=prog_name, standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())  # nothing was asked for: no mistake
        return EXIT_OK
    except click.ClickException as error:
        error.show()
        return error.exit_code
    return result if isinstance(result, int) else EXIT_OK


def guarded(work: Callable[[], int]) -> int:
    """Run `work`; turn what it raises into a message on stderr and an exit code."""
    try:
        return _with_bar_closed(work)
    except UserError as error:
        print(_for_the_reader(f"error: {error}"), file=sys.stderr)  # noqa: T201 - the error channel
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        print("\ninterrupted", file=sys.stderr)  # noqa: T201 - the error channel
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader (`| head`) has gone; Python must not complain about it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_OK
    except Exception as error:  # noqa: BLE001 - the outermost boundary: a bug gets a log file
        known = recognise_error(error)
        log = _write_traceback(error)
        message = _known_message(known, log) if known else _bug_message(error, log)
        print(_for_the_reader(message), file=sys.stderr)  # noqa: T201 - the error channel
        return EXIT_FAILED if known else EXIT_BUG


def _with_bar_closed(work: Callable[[], int]) -> int:
    """Run `work`; the message about its end comes below its last progress."""
    try:
        return work()
    finally:
        close()


def _for_the_reader(message: str) -> str:
    """Return a message wrapped at a terminal's width; a log or a script gets its lines whole."""
    message = plain(message)
    if not sys.stderr.isatty():
        return message
    columns = shutil.get_terminal_size((MAX_WIDTH, 24)).columns
    width = max(MIN_WIDTH, min(columns, MAX_WIDTH))
    return "\n".join(_wrapped(line, width) for line in message.split("\n"))


def _wrapped(line: str, width: int) -> str:
    if len(line) <= width:
        return line
    indent = line[: len(line) - len(line.lstrip())]
    return textwrap.fill(
        line.strip(),
        width,
        initial_indent=indent,
        subsequent_indent=indent or "  ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def keep_tracebacks_in(log: Path) -> None:
    """Write the traceback of a failure from now on to a run's log instead of a temporary file.

    While the folder of the log is not there, the temporary file stays.
    """
    _RUN_LOG.set(log)


def recognise_error(error: BaseException) -> Translation | None:
    """Return the message for a known failure of the libraries, or None.

    What the error was explicitly raised from is looked at too.
    """
    chain = []
    current: BaseException | None = error
    while current is not None:
        chain.append(facts_of(current))
        current = current.__cause__
    return recognise(*chain)


def facts_of(error: BaseException) -> FailureFacts:
    """Return the facts that the table of known failures matches on."""
    text = str(error)
    places = [frame.filename for frame in traceback.extract_tb(error.__traceback__)]
    # A data loading process sends its traceback as text; the error itself stands at its end.
    places += re.findall(r'File "([^"]+)", line', text)
    name = re.escape(type(error).__name__)
    said = re.split(rf"\n(?:\w+\.)*{name}: ", text)[-1] if WORKER_TRACEBACK in text else text
    return FailureFacts(
        types=tuple(cls.__name__ for cls in type(error).__mro__),
        message=said.strip(),
        places=tuple(place.replace("\\", "/") for place in places),
        errno=error.errno if isinstance(error, OSError) else None,
    )


def _known_message(known: Translation, log: Path | None) -> str:
    return (
        f"error: {known.what}\n  {known.consequence}\n  What to do: {known.cure}\n"
        f"  Details ({known.code}): {log or 'above'}"
    )


def _bug_message(error: Exception, log: Path | None) -> str:
    return (
        f"internal error: {type(error).__name__}: {error}\n"
        f"This is a bug in train-teacher {__version__}, not your mistake. Details: {log or 'above'}"
    )


def _write_traceback(error: Exception) -> Path | None:
    """Append the traceback to the run's log or a temporary file; without either, show it."""
    import tempfile

    lines = "".join(traceback.format_exception(error))
    text = f"\ntrain-teacher {__version__}\n{' '.join(sys.argv)}\n\n{lines}"
    log = _RUN_LOG.get()
    if log is not None and log.parent.is_dir():
        with contextlib.suppress(OSError), log.open("a", encoding="utf-8") as file:
            file.write(text)
            return log
    with (
        contextlib.suppress(OSError),
        tempfile.NamedTemporaryFile(
            "w", prefix="train-teacher-", suffix=".log", delete=False, encoding="utf-8"
        ) as file,
    ):
        file.write(text)
        return Path(file.name)
    print(text, file=sys.stderr)  # noqa: T201 - there is no disk to write to
    return None
