"""Every command that is offered to be copied can be: the real parser takes it, nothing is lost."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import click
import pytest

from coco_factory import annotation, make_coco
from commands import run_command
from generated_data import make_images
from train_teacher.inspection.command import inspect_command
from train_teacher.prediction.command import predict_command
from train_teacher.training.command import train_command
from train_teacher.weights.command import fetch_command

COMMANDS: dict[str, click.Command] = {
    "inspect-data": inspect_command,
    "train-teacher": train_command,
    "teacher predict": predict_command,
    "teacher fetch": fetch_command,
}
OFFERED = re.compile(rf"(?<![\w`-])({'|'.join(COMMANDS)}) .*")
CLASSES = ("red star", "blue ring")
PHRASE = 'red star=star with 5 points, "red"'


def run(program: str, *arguments: object, work: Path) -> tuple[int, str, str]:
    words = [*program.split(), *map(str, arguments)]
    done = run_command(*words, cwd=work)
    return done.returncode, done.stdout, done.stderr


def offered(text: str) -> list[tuple[str, dict[str, Any]]]:
    """Return the commands of a text with what the parser, which may refuse, reads of each."""
    found = []
    for match in OFFERED.finditer(text):
        name, line = match[1], match[0]
        words = shlex.split(line)[len(name.split()) :]
        found.append((name, COMMANDS[name].make_context(name, words).params))
    return found


def given(values: dict[str, Any]) -> dict[str, Any]:
    """Return what was written on a command line, as text."""
    plain = {key: list(v) if isinstance(v, tuple) else v for key, v in values.items()}
    return {k: str(v) if isinstance(v, Path) else v for k, v in plain.items() if v}


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("somebody's work")


@pytest.fixture(scope="module")
def data(work: Path) -> Path:
    """Return annotations and images in folders that do not find each other."""
    file = make_images(work / "my data", images=12, seed=5, classes=CLASSES)
    apart = work / "labels & more" / "all $1.json"
    apart.parent.mkdir()
    content = json.loads(file.read_text())
    content["annotations"][0]["iscrowd"] = 1
    apart.write_text(json.dumps(content))
    return apart


@pytest.fixture(scope="module")
def options(data: Path, work: Path) -> tuple[str, ...]:
    images = str(work / "my data" / "images")
    return ("--val", str(data), "--images", images, "--class-prompt", PHRASE, "--encoding", "utf-8")


def carries(values: dict[str, Any], options: tuple[str, ...]) -> bool:
    names = {"--val": "val", "--images": "images", "--encoding": "encoding"}
    plain = {key: str(value) for key, value in values.items() if isinstance(value, str | Path)}
    pairs = zip(options[::2], options[1::2], strict=True)
    wanted = {names[key]: value for key, value in pairs if key in names}
    prompts = values.get("class_prompt") or values.get("prompts")
    return wanted.items() <= plain.items() and prompts == (PHRASE,)


def test_after_inspecting_sound_data_its_training_is_offered_with_the_same_options(
    data: Path, options: tuple[str, ...], work: Path
) -> None:
    code, _, err = run("inspect-data", data, "--images", options[3], *options[4:], work=work)
    assert code == 0, err
    ((name, values),) = offered(err)
    assert name == "train-teacher"
    assert values["data"] == str(data)
    assert values["dry_run"]
    assert carries(values, options[2:])
    line = OFFERED.search(err)
    assert line
    code, out, err = run(*line[0].split(" ", 1)[:1], *shlex.split(line[0])[1:], work=work)
    assert code == 0, err
    assert 'star with 5 points, "red"' in out


def test_a_refusal_to_train_offers_the_inspection_that_shows_the_same_errors(
    data: Path, options: tuple[str, ...], work: Path
) -> None:
    wrong = json.loads(data.read_text())
    wrong["annotations"][0]["category_id"] = 99
    wrong["images"].append({**wrong["images"][0], "id": 10**6, "file_name": "lost.png"})
    file = data.with_name("wrong.json")
    file.write_text(json.dumps(wrong))
    code, _, err = run("train-teacher", "--data", file, "--output", "x", *options, work=work)
    assert code == 1
    ((name, values),) = offered(err.split("See them all:")[1])
    assert name == "inspect-data"
    assert str(values["data"]) == str(file)
    assert carries(values, options)
    code, out, err = run("inspect-data", file, *options, work=work)
    assert code == 1
    assert "I1 " in out
    assert all(carries(again, options) for _, again in offered(err) if not again["fix"])


def test_after_inspecting_data_that_can_be_repaired_the_repair_is_offered_and_works(
    tmp_path: Path,
) -> None:
    boxes = [annotation(n, bbox=[0.1, 0.1, 0.2, 0.2]) for n in range(24)]
    file = make_coco(tmp_path / "it's", annotations=boxes)
    code, _, err = run("inspect-data", file, work=tmp_path)
    assert code == 1
    ((name, values),) = offered(err)
    assert (name, values["data"]) == ("inspect-data", file)
    line = OFFERED.search(err)
    assert line
    code, out, err = run("inspect-data", *shlex.split(line[0])[1:], work=tmp_path)
    assert values["fix"].is_file(), err
    ((_, look),) = offered(out)
    assert look["data"] == values["fix"]


def test_the_look_at_a_repaired_copy_reads_it_as_it_was_read(
    data: Path, options: tuple[str, ...], work: Path
) -> None:
    fix = ("--fix", "copy of it.json", "--deep", "--images", options[3], *options[4:])
    code, out, err = run("inspect-data", data, *fix, work=work)
    assert code == 0, err
    ((_, values),) = offered(out)
    assert (
        given(values).items()
        >= {
            "data": "copy of it.json",
            "deep": True,
            "images": options[3],
            "class_prompt": [PHRASE],
        }.items()
    )
    assert values["encoding"] is None  # the copy is UTF-8


def test_after_training_labelling_and_export_the_next_command_is_offered(
    data: Path, options: tuple[str, ...], work: Path
) -> None:
    run_options = ("--model", "demo", "--device", "cpu", "--epochs", "1", *options[2:])
    code, _, err = run(
        "train-teacher", "--data", data, "--output", "exp 1", *run_options, work=work
    )
    assert code == 0, err
    explained, (name, predict) = offered(err)[0], offered(err)[-1]
    assert explained[0] == "inspect-data"
    assert carries(explained[1], options[2:])
    assert name == "teacher predict"
    assert predict["run"] == work / "exp 1"
    for export in (("--merge",), ()):
        bundle = "bundle" + "".join(export)
        code, _, err = run("teacher export", "exp 1", "--output", bundle, *export, work=work)
        assert code == 0, err
        ((name, values),) = offered(err)
        assert (name, values["run"]) == ("teacher predict", work / bundle)
        assert (values["weights"], values["language_model"]) == (None, None)
    code, _, err = run(
        "teacher predict", "exp 1", options[3], "--output", "my labels.json", work=work
    )
    assert code == 0, err
    ((name, values),) = offered(err)
    assert (name, str(values["data"])) == ("inspect-data", "my labels.json")
    assert str(values["images"]) == options[3]
