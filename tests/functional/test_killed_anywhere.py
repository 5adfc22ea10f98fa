"""Commands that are killed before any of their file operations: the same command then succeeds.

Each dies before its operation number N below the test's folder (killed_commands.py).
Training itself is replaced but for three moments, the model of a teacher where it only labels.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from commands import start_command
from generated_data import make_images
from killed_commands import KILLED, Commands, nothing_needed
from train_teacher.runs.folder import RunFolder

CLASSES = ("red star", "blue ring")
MOMENTS = 9


def moments(count: int, most: int) -> list[int]:
    """Return evenly spread numbers of operations, with the first and the last."""
    return sorted({int(n) for n in np.linspace(1, count, most)})


def content(folder: Path) -> dict[str, bytes]:
    """Return every file and folder below a folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else b""
        for path in sorted(folder.rglob("*"))
    }


def replace_training() -> None:
    """Let a run end where its model would be built."""
    from train_teacher.training import plan, resume

    def end(*_: Any, **__: Any) -> Any:
        raise SystemExit(0)

    plan.start_training = resume.start_training = end


def replace_detector() -> None:
    """Let `teacher export` build no model: a bundle of what was changed needs none."""
    from train_teacher.teachers import standalone_model

    standalone_model.build_trained_detector = lambda *_: SimpleNamespace()


def replace_teacher() -> None:
    """Let `teacher predict` find one box in each image at once."""
    from train_teacher.prediction import predict
    from train_teacher.scores.detections import ImageDetections
    from train_teacher.teachers.facts import TeacherFacts

    def detect(paths: Sequence[Path], *_: Any, **__: Any) -> Iterator[ImageDetections]:
        for number in (sum(path.name.encode()) % 7 for path in paths):
            box, label = np.array([[10.0, 10.0, 40.0, 30.0 + number]]), np.array([number % 2])
            yield ImageDetections(100, 80, label, np.array([0.9]), box)

    model: Any = SimpleNamespace(detect=detect, turns_photos=True, tiling=None)
    facts = TeacherFacts("teacher", CLASSES, {}, 0.5)
    predict.open_teacher = lambda _: SimpleNamespace(facts=facts, model=model, run=None)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    return make_images(folder, images=10, seed=5, classes=CLASSES)


QUICK = ("--model", "demo", "--device", "cpu", "--batch-size", "4", "--epochs", "1", "--seed", "3")


def renewed(folder: Path, begin: Path | None) -> None:
    """Put a folder into the state before a command."""
    shutil.rmtree(folder, ignore_errors=True)
    if begin is None:
        folder.mkdir(parents=True)
    else:
        shutil.copytree(begin, folder)


def same_after_every_kill(
    use: Commands,
    folder: Path,
    begin: Path | None,
    program: str,
    *arguments: object,
    most: int = MOMENTS,
) -> None:
    """Kill a command at moments of its life, repeat it, and compare with an undisturbed one."""
    renewed(folder, begin)
    count = use.run(folder, program, *arguments)
    whole = content(folder)
    assert count > len(whole) / 2
    for moment in moments(count, most):
        renewed(folder, begin)
        assert use.kill(moment, folder, program, *arguments) == KILLED
        if content(folder) != whole:
            use.run(folder, program, *arguments)
        assert content(folder) == whole, f"killed before operation {moment} of {count}"


@pytest.mark.parametrize("there", [False, True])
def test_a_start_killed_before_training_leaves_nothing_in_the_way_of_the_same_command(
    commands: Commands, data: Path, tmp_path: Path, there: bool
) -> None:
    use, output = commands.prepared(replace_training), tmp_path / "runs" / "exp1"
    begin = tmp_path / "begin"
    (begin / "exp1" if there else begin).mkdir(parents=True)
    command = ("train-teacher", "--data", data, "--output", output, *QUICK)
    renewed(output.parent, begin)
    count = use.run(output.parent, *command)
    whole = content(output.parent)
    for moment in moments(count, MOMENTS):
        renewed(output.parent, begin)
        assert use.kill(moment, output.parent, *command) == KILLED
        complete = RunFolder(output).is_whole()
        use.run(output.parent, *command, *(["--resume"] if complete else []))
        assert content(output.parent) == whole, f"killed before operation {moment} of {count}"


def test_a_resume_killed_before_training_does_not_stand_in_the_way_of_the_same_command(
    commands: Commands, data: Path, tmp_path: Path
) -> None:
    use, begin = commands.prepared(replace_training), tmp_path / "begin"
    output = tmp_path / "run"
    use.run(tmp_path, "train-teacher", "--data", data, "--output", output, *QUICK)
    (output / "checkpoints" / ".previous.pth.partial").touch()
    (output / "data" / ".started_with.json.abc.partial").touch()
    output.rename(begin)
    resume = ("train-teacher", "--output", output, "--resume", "--epochs", "2")
    same_after_every_kill(use, output, begin, *resume)
    assert not list(output.rglob(".*"))


def test_a_prediction_killed_at_any_moment_is_completed_by_the_same_command(
    commands: Commands, data: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    options = ["--output", output / "student", "--student", "coco", "--draw", output / "drawn"]
    options += ["--cvat", output / "cvat.xml", "--label-studio", output / "studio.json"]
    predict = ("teacher", "predict", tmp_path, data.parent / "images", *options)
    same_after_every_kill(commands.prepared(replace_teacher), output, None, *predict)
    assert not list(output.rglob(".*"))


def test_a_repaired_copy_its_log_and_its_page_come_together_whenever_the_command_was_killed(
    commands: Commands, data: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    fix = ("inspect-data", data, "--fix", output / "fixed.json", "--images", data.parent)
    fix = (*fix, "--html", output / "page.html")
    same_after_every_kill(commands.prepared(replace_teacher), output, None, *fix)
    names = {path.name for path in output.iterdir()}
    assert names == {"fixed.json", "fixed.changes.json", "page.html"}


def losses(run: Path) -> list[tuple[int, float]]:
    lines = map(json.loads, (run / "metrics.jsonl").read_text().splitlines())
    return [(line["step"], line["loss"]) for line in lines if line["kind"] == "train"]


@pytest.fixture(scope="module")
def recipe(data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[object, ...]:
    path = tmp_path_factory.mktemp("recipe") / "recipe.yaml"
    path.write_text("extends: demo\nevaluate_before: false\n")
    logged = ("--set", "default_hooks.logger.interval=1")
    return ("train-teacher", "--data", data, *QUICK, "--model", path, *logged)


@pytest.fixture(scope="module")
def uninterrupted(
    commands: Commands, recipe: tuple[Any, ...], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    return commands.uninterrupted(tmp_path_factory.mktemp("whole") / "run", *recipe)


@pytest.mark.parametrize(
    "moment", ["open {}/train.log", "freeze_table.json", ".partial {}/checkpoints/last.pth"]
)
def test_a_run_killed_before_its_first_checkpoint_resumes_with_the_losses_of_a_whole_one(
    commands: Commands, recipe: tuple[Any, ...], uninterrupted: Path, tmp_path: Path, moment: str
) -> None:
    use, output = commands.prepared(nothing_needed), tmp_path / "run"
    moment = moment.format(output)
    assert use.kill(moment, output, *recipe, "--output", output) == KILLED
    assert not list(output.rglob("*.pth"))
    use.run(output, "train-teacher", "--output", output, "--resume")
    assert losses(output) == losses(uninterrupted)
    assert content(output).keys() == content(uninterrupted).keys()
    results = [json.loads((run / "results.json").read_text()) for run in (output, uninterrupted)]
    assert results[0]["freeze_table"] == results[1]["freeze_table"] != ""


def processes_of(group: int) -> list[int]:
    """Return the processes of a group that live."""
    members = []
    for place in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, itself = place.read_text().rpartition(")")[2].split()[:3]
            if int(itself) == group and state != "Z":
                members.append(int(place.parent.name))
    return members


def until(done: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end
        time.sleep(0.1)


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="no shared memory")
@pytest.mark.parametrize("everything", [False, True])
def test_killed_loading_processes_end_and_leave_nothing_in_shared_memory(
    data: Path, tmp_path: Path, everything: bool
) -> None:
    settings = tmp_path / "settings.yaml"
    settings.write_text("extends: demo\nevaluate_before: false\nworkers: 2\n")
    output, shared = tmp_path / "run", Path("/dev/shm")
    before = set(shared.iterdir())
    command = ["--data", data, "--output", output, *QUICK, "--config", settings, "--epochs", "99"]
    logged = ["--set", "default_hooks.logger.interval=1"]
    with start_command("train-teacher", *command, *logged, prepare=os.setsid) as process:
        until((output / "metrics.jsonl").exists, 200)
        assert len(processes_of(process.pid)) >= 3
        (os.killpg if everything else os.kill)(process.pid, signal.SIGKILL)
        process.wait()
    # Loading processes look every five seconds whether their parent is still there.
    until(lambda: not processes_of(process.pid), 30)
    until(lambda: not set(shared.iterdir()) - before, 30)


def test_an_export_killed_at_any_moment_leaves_a_whole_bundle_or_none(
    commands: Commands, uninterrupted: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    export = ("teacher", "export", uninterrupted, "--output", output / "bundle")
    same_after_every_kill(commands.prepared(replace_detector), output, None, *export, most=5)
    assert not list(output.rglob(".*"))
