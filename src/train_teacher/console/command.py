"""click's commands, with grouped options and described arguments in their help."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import click

Decorated = TypeVar("Decorated", bound=Callable[..., Any])
FILE = click.Path(path_type=Path)
WHOLE = 500


class PanelOption(click.Option):
    """An option under a heading of its command's help."""

    def __init__(self, *args: Any, panel: str = "Options", **values: Any) -> None:
        """Keep the heading."""
        super().__init__(*args, **values)
        self.panel = panel


class ExplainedArgument(click.Argument):
    """An argument with a line of help."""

    panel = "Arguments"

    def __init__(self, *args: Any, help: str, **values: Any) -> None:
        """Keep the line."""
        super().__init__(*args, **values)
        self.line = help

    def get_help_record(self, ctx: click.Context) -> tuple[str, str]:
        """Return the name and the line."""
        return self.make_metavar(ctx), self.line


class Word(click.Choice[str]):
    """One of a few words; the error for a wrong one suggests the nearest."""

    def get_invalid_choice_message(self, value: object, ctx: click.Context | None) -> str:
        """Return the message about a value that is none of them."""
        from train_teacher.console.other_tools import not_one_of

        return not_one_of(str(value), list(self.choices))


class PanelCommand(click.Command):
    """A command whose help shows parameters under their headings, in order of appearance."""

    def __init__(
        self, *args: Any, unknown: Callable[[str], str] = lambda _name: "", **values: Any
    ) -> None:
        """Keep what is to be said of an option that there is not, empty for nothing."""
        super().__init__(*args, **values)
        self.unknown = unknown

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the command line; the error for another tool's option names ours."""
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            from train_teacher.console.other_tools import option_called_here

            known = [name for part in self.get_params(ctx) for name in part.opts]
            told = option_called_here(error.option_name, known) or self.unknown(error.option_name)
            if told:
                raise click.UsageError(f"{error.message} {told}", ctx) from error
            raise

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the parameters."""
        panels: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            if record := parameter.get_help_record(ctx):
                panels.setdefault(getattr(parameter, "panel", "Options"), []).append(record)
        for panel, records in panels.items():
            with formatter.section(panel):
                formatter.write_dl(records)


class OrderedGroup(click.Group):
    """Commands whose help shows them in the order of work, each with its whole first sentence."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands; click would sort them and cut their texts."""
        with formatter.section("Commands"):
            formatter.write_dl(
                [(name, part.get_short_help_str(WHOLE)) for name, part in self.commands.items()]
            )


command = partial(click.command, cls=PanelCommand, context_settings={"max_content_width": 100})
option = partial(click.option, cls=PanelOption)
argument = partial(click.argument, cls=ExplainedArgument)


def flag(name: str, help: str) -> Callable[[Decorated], Decorated]:
    """Return the decorator of an option that is there or not."""
    return option(name, is_flag=True, help=help)


def choice(name: str, *values: str, help: str) -> Callable[[Decorated], Decorated]:
    """Return the decorator of an option with few values, its first by default."""
    return option(name, type=Word(values), default=values[0], show_default=True, help=help)
