"""A new folder is whole or not there, and two processes never make the same one."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from train_teacher.core.errors import UserError
from train_teacher.runs.folder import UNFINISHED, RunFolder, check_free
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
        (new.work / "settings.yaml").touch()
        if complete:
            new.complete(locked=True)
            new.discard()
    assert names(tmp_path) == ({"exp1"} if there and not complete else set())


def test_a_folder_that_somebody_removed_does_not_hide_what_ended_the_work(tmp_path: Path) -> None:
    with new_folder(tmp_path / "exp1") as new:
        new.complete(locked=True)
        (tmp_path / "exp1").rename(tmp_path / "moved")
        new.discard()
    assert {"moved"} <= names(tmp_path) <= {"moved", f"moved/{NAME}"}


def test_a_mount_point_is_filled_where_it_is_and_emptied_when_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "mount"
    root.mkdir()
    rename = Path.rename

    def busy(path: Path, target: Path) -> Path:
        if path == root:
            raise OSError("Device or resource busy")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", busy)
    with pytest.raises(KeyboardInterrupt):
        make(root, stop)
    assert names(tmp_path) == {"mount"}
    make(root)
    assert names(root) == {"data", "data/train.json"}


def test_a_file_put_into_a_folder_whose_filling_was_killed_is_never_removed(tmp_path: Path) -> None:
    root = tmp_path / "exp1"
    root.mkdir()
    with (
        subprocess.Popen(
            [sys.executable, "-c", MAKE, str(root)], stdout=subprocess.PIPE, text=True
        ) as killed,
    ):
        assert killed.stdout is not None
        assert killed.stdout.readline() == "begun\n"
        killed.send_signal(signal.SIGKILL)
    (root / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match="already holds a run or other files"):
        make(root)
    assert (root / "notes.txt").read_text() == "mine"
    (root / "notes.txt").unlink()
    make(root)
    assert names(root) == {"data", "data/train.json"}


def test_a_kill_while_the_content_is_moved_up_is_undone_by_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "exp1"
    root.mkdir()
    rename = Path.rename
    moved: list[Path] = []

    def killed(path: Path, target: Path) -> Path:
        if moved:
            stop()
        moved.append(target)
        return rename(path, target)

    def make_until_killed() -> None:
        with new_folder(root) as new:
            for name in ("settings.yaml", "mmdet_config.py"):
                (new.work / name).write_text("complete")
            monkeypatch.setattr(Path, "rename", killed)
            new.settled = True  # a killed process gives nothing up
            new.complete(locked=True)

    with pytest.raises(KeyboardInterrupt):
        make_until_killed()
    monkeypatch.undo()
    assert moved[0].is_file()
    assert not RunFolder(root).is_whole()
    check_free(root)
    make(root)
    assert names(root) == {"data", "data/train.json"}


def test_a_file_put_into_a_run_that_is_given_up_stays(tmp_path: Path) -> None:
    root = tmp_path / "exp1"
    with new_folder(root) as new:
        (new.work / "settings.yaml").touch()
        (new.work / "data").mkdir()
        new.complete(locked=True)
        (root / "train.log").touch()
        (root / "notes.txt").write_text("mine")
        new.discard()
    assert names(root) == {"notes.txt"}
