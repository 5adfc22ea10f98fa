"""Two runs never write into one folder, and a killed one blocks nobody."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from train_teacher.core.errors import UserError
from train_teacher.runs import lock as module
from train_teacher.runs.lock import NAME, PROCESSES, run_lock, training_lock

HOLD = """
import sys, time
from pathlib import Path
from train_teacher.runs.lock import run_lock, training_lock
lock = run_lock if sys.argv[2] == "run" else training_lock
with lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@contextmanager
def holding(folder: Path, what: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", HOLD, str(folder), what]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def test_a_second_run_is_refused_while_the_first_lives_and_let_in_after_kill_9(
    tmp_path: Path,
) -> None:
    with holding(tmp_path, "run") as first:
        with pytest.raises(UserError, match=f"process {first.pid} on "), run_lock(tmp_path):
            pass
        first.send_signal(signal.SIGKILL)
        first.wait()
    with run_lock(tmp_path):
        pass
    assert not (tmp_path / NAME).exists()


def test_the_processes_of_a_killed_launcher_are_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with holding(tmp_path, "processes") as one, holding(tmp_path, "processes") as two:
        monkeypatch.setattr(module, "WAIT_SECONDS", 0.0)
        with pytest.raises(UserError, match="a run is writing here"), run_lock(tmp_path):
            pass
        monkeypatch.undo()

        def end(_: float) -> None:
            for process in (one, two):
                process.kill()
                process.wait()

        monkeypatch.setattr(time, "sleep", end)
        with run_lock(tmp_path):
            assert (tmp_path / PROCESSES).exists()
    assert "waiting for the processes of a run that was killed" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_the_launcher_and_its_processes_hold_the_folder_together(tmp_path: Path) -> None:
    with run_lock(tmp_path), training_lock(tmp_path), training_lock(tmp_path):
        pass


def test_a_file_system_without_locks_is_told_of_and_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def none_here(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", none_here)
    with run_lock(tmp_path), training_lock(tmp_path):
        pass
    told = capsys.readouterr().err
    assert "has no locks (No locks available), so a second run" in told


def test_a_lock_on_a_file_that_the_holder_before_removed_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = fcntl.flock
    removed: list[Path] = []

    def removed_first(file: IO[str], kind: int) -> None:
        real(file, kind)
        if not removed:
            removed.append(tmp_path / NAME)
            removed[0].unlink()

    monkeypatch.setattr(fcntl, "flock", removed_first)
    with run_lock(tmp_path):
        monkeypatch.undo()
        with pytest.raises(UserError, match="a run is writing here"), run_lock(tmp_path):
            pass


def test_a_folder_made_anew_by_another_run_keeps_the_locks_of_that_run(tmp_path: Path) -> None:
    with run_lock(tmp_path):
        (tmp_path / NAME).unlink()
        (tmp_path / NAME).write_text("another's")
    assert (tmp_path / NAME).read_text() == "another's"


def test_a_folder_that_another_run_removed_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="was removed by another run"), run_lock(tmp_path / "gone"):
        pass
