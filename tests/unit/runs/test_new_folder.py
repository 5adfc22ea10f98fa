"""A new folder is whole or not there, and two processes never make the same one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from train_teacher.core.errors import UserError
from train_teacher.runs.folder import UNFINISHED, check_free
from train_teacher.runs.lock import NAME, run_lock
from train_teacher.runs.new_folder import new_folder

MAKE = """
import sys, time
from pathlib import Path
from train_teacher.runs.new_folder import new_folder
with new_folder(Path(sys.argv[1])) as new:
    (new.work / "settings.yaml").write_text("half")
    print("begun", flush=True)
    time.sleep(60)
"""


def names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def make(root: Path, meanwhile: Callable[[], object] = lambda: None) -> None:
    with new_folder(root) as new:
        (new.work / "data").mkdir()
        (new.work / "data" / "train.json").write_text("{}")
        meanwhile()
        new.complete(locked=True)


def stop() -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("there", [False, True])
def test_nothing_is_at_the_place_before_all_of_it_is(tmp_path: Path, there: bool) -> None:
    root = tmp_path / "below" / "exp1"
    if there:
        root.mkdir(parents=True)
    with new_folder(root) as new:
        (new.work / "a").touch()
        assert root.exists() == there
        assert there == (root / UNFINISHED).exists()
        new.complete(locked=True)
        assert names(root) == {"a", NAME}
        with pytest.raises(UserError, match="a run is writing here"), run_lock(root):
            pass
    assert names(tmp_path) == {"below", "below/exp1", "below/exp1/a"}


@pytest.mark.parametrize("there", [False, True])
def test_a_second_process_is_refused_while_the_first_lives_and_begins_anew_after_kill_9(
    tmp_path: Path, there: bool
) -> None:
    root = tmp_path / "exp1"
    if there:
        root.mkdir()
    command = [sys.executable, "-c", MAKE, str(root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "begun\n"
        try:
            with pytest.raises(UserError) as refused:
                make(root)
            left = names(tmp_path)
        finally:
            first.send_signal(signal.SIGKILL)
    assert str(refused.value).startswith(f"{root}: a run is writing here (process {first.pid} on ")
    assert {Path(name).name for name in left} >= {"settings.yaml", NAME}
    check_free(root)
    make(root)
    assert names(tmp_path) == {"exp1", "exp1/data", "exp1/data/train.json"}


def test_what_another_run_wrote_while_this_one_planned_is_refused_and_stays(tmp_path: Path) -> None:
    make(tmp_path / "exp1")
    make(tmp_path / "other")
    before = names(tmp_path)
    with pytest.raises(UserError, match="already holds a run"):
        make(tmp_path / "exp1")
    assert names(tmp_path) == before
    with pytest.raises(UserError, match="already holds a run"):
        make(tmp_path / "exp2", lambda: (tmp_path / "other").rename(tmp_path / "exp2"))
    assert names(tmp_path) == {name.replace("other", "exp2") for name in before}


@pytest.mark.parametrize("there", [False, True])
@pytest.mark.parametrize("complete", [False, True])
def test_a_folder_that_is_given_up_leaves_nothing(
    tmp_path: Path, there: bool, complete: bool
) -> None:
    root = tmp_path / "exp1"
    if there:
        root.mkdir()
    with new_folder(root) as new:
        (new.work / "a").touch()
        if complete:
            new.complete(locked=True)
            new.discard()
    assert names(tmp_path) == set()


def test_a_folder_that_somebody_removed_does_not_hide_what_ended_the_work(tmp_path: Path) -> None:
    with new_folder(tmp_path / "exp1") as new:
        new.complete(locked=True)
        (tmp_path / "exp1").rename(tmp_path / "moved")
        new.discard()
    assert {"moved"} <= names(tmp_path) <= {"moved", f"moved/{NAME}"}


def test_a_mount_point_is_filled_where_it_is_and_emptied_when_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*_: object) -> None:
        raise OSError("Device or resource busy")

    monkeypatch.setattr(Path, "rename", busy)
    monkeypatch.setattr(os, "rename", busy)
    root = tmp_path / "mount"
    root.mkdir()
    with pytest.raises(KeyboardInterrupt):
        make(root, stop)
    assert names(tmp_path) == {"mount"}
    make(root)
    assert names(root) == {"data", "data/train.json"}
