"""A forked command is what the console script would be."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from commands import run_command, start_command


def test_exit_code_streams_and_folder_are_those_of_the_console_script(tmp_path: Path) -> None:
    words = ("teacher", "evaluate", "nothing here")
    forked = run_command(*words, cwd=tmp_path)
    program = Path(sys.executable).with_name(words[0])
    started = subprocess.run(
        [program, *words[1:]], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert forked.returncode == started.returncode == 1
    assert forked.args[0] == str(program)
    assert (forked.stdout, forked.stderr) == (started.stdout, started.stderr)
    assert run_command("train-teacher", "--version").stdout.startswith("train-teacher ")


def test_a_command_has_the_variables_it_is_given(tmp_path: Path) -> None:
    before = dict(os.environ)
    widths = [
        max(map(len, run_command("teacher", "train", "--help", COLUMNS=n).stdout.splitlines()))
        for n in ("60", "120")
    ]
    assert widths[0] <= 60 < widths[1]
    assert dict(os.environ) == before


def test_a_command_that_takes_too_long_is_killed(tmp_path: Path) -> None:
    with pytest.raises(subprocess.TimeoutExpired), start_command("teacher", "doctor") as command:
        command.finished(timeout=0.01)
    assert command.wait() == -signal.SIGKILL
