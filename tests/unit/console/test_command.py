"""Help is grouped, in the order of work, and a bare group of commands is no mistake."""

from __future__ import annotations

import click
import pytest

from train_teacher.console.command import OrderedGroup, argument, command, flag, option
from train_teacher.console.error_boundary import run_command

SENTENCE = "Say something that is much longer than click would leave whole in a narrow terminal."


@command()
@argument("place", metavar="PLACE", help="Where it lies.")
@option("--count", type=int, metavar="N", panel="Numbers", help="How many.")
@flag("--deep", "Look well.")
def look(place: str, count: int | None, deep: bool) -> None: ...


def group() -> click.Group:
    second = click.Command("alpha", help=f"{SENTENCE} And more.")
    return OrderedGroup(commands={"look": look, "alpha": second}, no_args_is_help=True)


def test_parameters_stand_under_their_headings_with_their_help() -> None:
    text = look.get_help(click.Context(look, info_name="look"))
    headings = [line for line in text.splitlines() if line.endswith(":")]
    assert headings == ["Arguments:", "Numbers:", "Options:"]
    after = text.split("Numbers:")[1]
    assert "--count N" in after.split("Options:")[0]
    assert "PLACE" in text.split("Numbers:")[0]
    assert "Where it lies." in text


def test_commands_stand_in_the_given_order_with_their_whole_sentence() -> None:
    shown = group()
    text = shown.get_help(click.Context(shown, info_name="teacher", terminal_width=50))
    assert text.index("  look") < text.index("  alpha")
    assert SENTENCE in " ".join(text.split())
    assert "And more" not in text


def test_a_group_without_a_command_prints_its_help_and_is_no_mistake(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["teacher"])
    with pytest.raises(SystemExit) as stopped:
        run_command(group(), "teacher")
    assert stopped.value.code == 0
    shown = capsys.readouterr()
    assert "Commands:" in shown.out
    assert shown.err == ""


def test_a_mistyped_option_names_the_nearest_and_ends_with_wrong_usage(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["look", "here", "--cuont", "3"])
    with pytest.raises(SystemExit) as stopped:
        run_command(look, "look")
    assert stopped.value.code == 2
    # Click quotes it since 8.3.
    assert "Did you mean --count?" in capsys.readouterr().err.replace("'", "")
