"""Two runs never write into one folder, and a killed one blocks nobody."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from train_teacher.adapters.run_lock import NAME, run_lock
from train_teacher.domain.errors import UserError

HOLD = """
import sys, time
from pathlib import Path
from train_teacher.adapters.run_lock import run_lock
with run_lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_run_is_refused_while_the_first_lives_and_let_in_after_kill_9(
    tmp_path: Path,
) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "held\n"
        with pytest.raises(UserError, match=f"process {first.pid} on "), run_lock(tmp_path):
            pass
        first.send_signal(signal.SIGKILL)
        first.wait()
    with run_lock(tmp_path):
        pass
    assert not (tmp_path / NAME).exists()
