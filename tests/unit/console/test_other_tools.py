"""Options and words of other tools are answered with our names for them."""

from __future__ import annotations

import re
from collections import Counter

import click
import pytest

from train_teacher.console import other_tools
from train_teacher.console.error_boundary import run_command
from train_teacher.evaluation.command import evaluate_command
from train_teacher.inspection.command import inspect_command
from train_teacher.prediction.command import predict_command
from train_teacher.settings.schema import FIELD_TYPES
from train_teacher.training.command import train_command


def said(
    command: click.Command,
    arguments: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> str:
    monkeypatch.setattr("sys.argv", ["command", *arguments])
    with pytest.raises(SystemExit) as stopped:
        run_command(command, "command")
    assert stopped.value.code == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    return shown.err


@pytest.mark.parametrize(
    ("option", "part"),
    [
        ("--imgsz", "train_scales: [[480, 1333], [800, 1333]]"),
        ("--batch", "--batch-size"),
        ("--lr0", "--lr"),
        ("--max-epochs", "--epochs"),
        ("--workers", "workers: 4"),
        ("--work-dir", "--output"),
        ("--project", "--output"),
        ("--cfg_options", "--set"),
        ("--val-interval", "`val_interval: ...`"),
        ("--epoch", "Did you mean '--epochs'?"),
    ],
)
def test_an_option_of_another_tool_is_answered_with_its_name_here(
    option: str,
    part: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    message = said(train_command, [option, "640"], monkeypatch, capsys)
    assert f"No such option '{option}'" in message
    assert part in message


def test_a_command_without_the_option_does_not_advise_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "--score-threshold" in said(predict_command, ["--conf", "1"], monkeypatch, capsys)
    assert "learning rate" not in said(evaluate_command, ["--lr0", "1"], monkeypatch, capsys)


@pytest.mark.parametrize(
    ("command", "arguments", "part"),
    [
        (train_command, ["--device", "gpu"], "auto, cpu, cuda. Did you mean 'cuda'?"),
        (evaluate_command, ["--device", "gpu"], "auto, cpu, cuda. Did you mean 'cuda'?"),
        (train_command, ["--freeze", "encodr"], "neck, encoder, decoder. Did you mean 'encoder'?"),
        (train_command, ["--freeze", "bert"], "Did you mean 'language_model'?"),
        (train_command, ["--precision", "half"], "Did you mean 'fp16'?"),
        (inspect_command, ["--fail-on", "eror"], "never. Did you mean 'error'?"),
    ],
)
def test_a_wrong_word_names_those_there_are_and_the_one_that_was_meant(
    command: click.Command,
    arguments: list[str],
    part: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    message = said(command, arguments, monkeypatch, capsys)
    assert f"{arguments[1]!r} is not one of " in message
    assert part in message


def test_the_table_advises_only_what_there_is_and_each_name_once() -> None:
    table = other_tools._table()
    commands = (train_command, predict_command)
    known = {name for command in commands for part in command.params for name in part.opts}
    advised = {name for habit in table.options for name in re.findall(r"--[a-z-]+", habit.here)}
    assert advised <= known
    settings = {
        name for habit in table.options for name in re.findall(r"\b[a-z]+_[a-z]+\b", habit.here)
    }
    assert settings <= FIELD_TYPES.keys()
    names = Counter(name for habit in table.options for name in habit.names)
    assert [name for name, count in names.items() if count > 1] == []
    assert {f"--{name}" for name in names} & {
        name for part in train_command.params for name in part.opts
    } == set()
