"""The launcher knows whether it is alone, and says what ended a training process."""

from __future__ import annotations

import os
import signal
import textwrap
from pathlib import Path
from typing import Any

import pytest

from train_teacher.core.errors import UserError
from train_teacher.engine import launcher, process
from train_teacher.engine.launcher import run_processes
from train_teacher.engine.outer_launcher import OuterLauncher, outer_launcher
from train_teacher.engine.process import without_worker_traceback
from train_teacher.runs.lock import PROCESSES


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, None),
        ({"RANK": "0", "WORLD_SIZE": "1"}, None),
        ({"RANK": "1", "WORLD_SIZE": "4"}, OuterLauncher("pytorch", 1, 4)),
        ({"SLURM_PROCID": "3", "SLURM_STEP_NUM_TASKS": "8"}, OuterLauncher("slurm", 3, 8)),
        ({"SLURM_PROCID": "0", "SLURM_STEP_NUM_TASKS": "1"}, None),
        ({"RANK": "", "WORLD_SIZE": "two"}, None),
    ],
)
def test_an_outer_launcher_is_recognised(
    environment: dict[str, str], expected: OuterLauncher | None
) -> None:
    assert outer_launcher(environment) == expected


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("time.sleep(600) if rank == 0 else os.kill(os.getpid(), 9)", "process 1 was killed by"),
        ("time.sleep(600) if rank == 0 else sys.exit(7)", "process 1 ended with code 7"),
        (
            "open(sys.argv[1] + f'/.failure-{rank}', 'w').write(('RuntimeError: gloo: Connection "
            "closed by peer', 'image b.jpg is gone')[rank]); sys.exit(1)",
            "image b.jpg is gone",
        ),
        (
            "time.sleep(600) if rank == 1 else (open(sys.argv[1] + '/.failure-0', 'w')"
            ".write('image a.jpg is gone'), sys.exit(1))",
            "image a.jpg is gone",
        ),
    ],
)
def test_the_failure_of_one_process_ends_all_and_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, words: str
) -> None:
    script = tmp_path / "process_of_test.py"
    script.write_text(
        textwrap.dedent(
            f"""
            import os, sys, time
            rank = int(os.environ["RANK"])
            {body}
            """
        )
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(launcher, "MODULE", script.stem)
    with pytest.raises(UserError, match=words):
        run_processes(tmp_path, 2)
    assert not list(tmp_path.glob(".failure-*"))


def test_processes_that_end_well_are_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "process_that_ends.py").write_text("")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(launcher, "MODULE", "process_that_ends")
    run_processes(tmp_path, 2)


def test_an_error_from_a_data_loading_process_is_told_without_its_traceback() -> None:
    import torch

    class Broken(torch.utils.data.Dataset[Any]):
        def __len__(self) -> int:
            return 2

        def __getitem__(self, index: int) -> Any:
            raise UserError("a.jpg: the image cannot be read.\nPut it back.")

    with pytest.raises(UserError) as caught:
        list(torch.utils.data.DataLoader(Broken(), num_workers=1))
    assert "Traceback" in str(caught.value)
    plain = without_worker_traceback(str(caught.value))
    assert plain == "a.jpg: the image cannot be read.\nPut it back."
    assert without_worker_traceback(plain) == plain


def test_a_training_process_whose_launcher_died_before_it_began_builds_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "_end_with_launcher", lambda: None)
    assert process.main([str(tmp_path), "--launcher", str(os.getpid())]) == 130
    assert not (tmp_path / "train.log").exists()


def test_a_training_process_shares_the_lock_of_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = []

    def build(*_: object, **__: object) -> None:
        held.append((tmp_path / PROCESSES).exists())
        raise KeyboardInterrupt

    monkeypatch.setattr(process, "_end_with_launcher", lambda: None)
    monkeypatch.setattr(process.mmengine_runner, "build_runner", build)
    assert process.main([str(tmp_path), "--launcher", str(os.getppid())]) == 130
    assert held == [True]


def test_the_launcher_gives_back_the_signals_that_torch_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "process_that_is_over.py").write_text("")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(launcher, "MODULE", "process_that_is_over")
    before = [signal.getsignal(number) for number in launcher.TAKEN]
    run_processes(tmp_path, 1)
    assert [signal.getsignal(number) for number in launcher.TAKEN] == before


def test_told_processes_get_minutes_to_save_and_the_agent_adds_nothing_of_its_own() -> None:
    import logging

    from torch.distributed.elastic.agent.server import api
    from torch.distributed.launcher.api import LaunchConfig

    patience = launcher._patience(LaunchConfig)
    assert patience == {"shutdown_timeout": launcher.SAVE_SECONDS} or not hasattr(
        LaunchConfig, "shutdown_timeout"
    )
    launcher._silence_agent()
    assert not api.logger.isEnabledFor(logging.ERROR)
