from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from train_teacher.core import cores as cores_module
from train_teacher.core.cores import let_threads_sleep, usable_cores


def test_cores_that_the_process_may_not_run_on_do_not_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 5}, raising=False)
    assert usable_cores() == 2


@pytest.mark.parametrize(("counted", "cores"), [(8, 8), (None, 1)])
def test_where_the_system_does_not_tell_all_cores_count(
    monkeypatch: pytest.MonkeyPatch, counted: int | None, cores: int
) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: counted)
    assert usable_cores() == cores


@pytest.mark.parametrize(
    ("quota", "cores"), [("200000 100000", 2), ("50000 100000", 1), ("max 100000", 16), ("", 16)]
)
def test_a_container_that_may_use_a_part_of_the_cores_has_no_more(
    quota: str, cores: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "cpu.max").write_text(quota)
    monkeypatch.setattr(cores_module, "QUOTA", tmp_path / "cpu.max")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(16)), raising=False)
    assert usable_cores() == cores


def test_computing_threads_sleep_while_they_wait_unless_the_user_says_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    let_threads_sleep()
    assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE"
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    let_threads_sleep()
    assert os.environ["OMP_WAIT_POLICY"] == "ACTIVE"


def test_every_command_has_its_threads_sleep_before_pytorch_is_imported() -> None:
    program = (
        "import os, sys; from train_teacher.cli import main; sys.argv = ['x', '--version']\n"
        "try: main.COMMAND()\n"
        "except SystemExit: print(os.environ.get('OMP_WAIT_POLICY'), 'torch' in sys.modules)"
    )
    environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    for command in ("inspect_data", "train_teacher", "teacher"):
        told = subprocess.run(
            [sys.executable, "-c", program.replace("COMMAND", command)],
            capture_output=True,
            text=True,
            env=environment,
            check=True,
        ).stdout
        assert told.splitlines()[-1] == "PASSIVE False"
