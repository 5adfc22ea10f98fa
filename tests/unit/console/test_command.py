"""Help stands under headings, and arguments say what they are."""

from __future__ import annotations

import click
import pytest

from train_teacher.console.command import argument, choice, command, flag, option


@command()
@option("--second", panel="Later", help="Of another heading.")
@argument("place", metavar="PLACE", help="Where it lies.")
@flag("--loud", "Say more.")
@choice("--format", "text", "json", help="How to write.")
@option("--third", panel="Later", help="Of the other heading too.")
def example(**given: object) -> None:
    """Show what was given."""
    click.echo(given)


def parsed(*arguments: str) -> dict[str, object]:
    """Return what a command line gives."""
    return example.make_context("example", list(arguments)).params


def test_parameters_stand_under_their_headings_in_order_of_appearance() -> None:
    page = example.get_help(click.Context(example, terminal_width=100))
    headings = [line for line in page.splitlines() if line.endswith(":")]
    assert headings == ["Later:", "Arguments:", "Options:"]
    later, rest = page.split("Arguments:")
    assert "--second" in later
    assert "--third" in later
    assert "  PLACE  Where it lies." in rest.split("Options:")[0]
    assert "--loud" in rest.split("Options:")[1]


def test_a_flag_is_there_or_not_and_a_choice_is_its_first_value_when_left_out() -> None:
    assert parsed("x") == {
        "second": None,
        "place": "x",
        "loud": False,
        "format": "text",
        "third": None,
    }
    given = parsed("x", "--loud", "--format", "json")
    assert (given["loud"], given["format"]) == (True, "json")


def test_another_word_than_those_of_a_choice_is_refused_with_all_of_them() -> None:
    with pytest.raises(click.BadParameter, match="'xml' is not one of 'text', 'json'"):
        parsed("x", "--format", "xml")
