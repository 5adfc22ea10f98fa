"""An output is written by one command at a time, and what a killed one held is free."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from train_teacher.core.errors import UserError
from train_teacher.core.file_lock import held_output

HOLD = """
import sys, time
from pathlib import Path
from train_teacher.core.file_lock import held_output
with held_output(Path(sys.argv[1]), "--output a.json"):
    print("held", flush=True)
    time.sleep(60)
"""


def test_an_output_that_another_process_holds_is_refused_until_that_is_killed(
    tmp_path: Path,
) -> None:
    file = tmp_path / ".a.json.partial"
    command = [sys.executable, "-c", HOLD, str(file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        try:
            with (
                pytest.raises(UserError, match=r"--output a\.json: another command is writing"),
                held_output(file, "--output a.json"),
            ):
                pass
            assert file.exists()
        finally:
            other.send_signal(signal.SIGKILL)
    with held_output(file, "--output a.json"):
        pass
    assert not list(tmp_path.iterdir())


def test_unfinished_work_stays_and_an_empty_file_goes(tmp_path: Path) -> None:
    file = tmp_path / "work"
    with held_output(file, "--output a.json"):
        file.write_text("half")
    assert file.read_text() == "half"
    with held_output(file, "--output a.json"):
        file.write_text("")
    assert not file.exists()


def test_a_folder_that_does_not_exist_is_told(tmp_path: Path) -> None:
    with (
        pytest.raises(UserError, match="cannot be written: No such file"),
        held_output(tmp_path / "gone" / "work", "--output gone/a.json"),
    ):
        pass
