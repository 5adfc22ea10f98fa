"""Every setting that has an option is set by it, and stands under its heading in the help."""

from __future__ import annotations

from typing import Any

import click
import pytest

from train_teacher.console.command import PanelCommand
from train_teacher.core.errors import UsageError
from train_teacher.settings.descriptions import field_help, field_options
from train_teacher.settings.layers import SettingsLayer, merge_settings
from train_teacher.settings.option import PANELS
from train_teacher.settings.schema import TeacherSettings
from train_teacher.training.command import train_command
from train_teacher.training.options import flag_of, given_settings, setting_options

VALUES = {
    "split": "0.5/0.5/0",
    "prompts": "cat=small cat",
    "set": "model.num_queries=7",
    "tune": "lora",
    "freeze": "neck",
    "precision": "bf16",
    "device": "cuda",
    "batch_size": "3",
    "image_scale": "640",
    "lr": "0.5",
    "overlap": "0.1",
    **dict.fromkeys(("seed", "tile", "lora_rank", "epochs", "steps", "gpus"), "2"),
}


def given(*arguments: str) -> dict[str, Any]:
    """Return what the options give for a command line."""
    command = PanelCommand("train-teacher", params=setting_options())
    context = command.make_context("train-teacher", list(arguments))
    return given_settings(context.params)


@pytest.mark.parametrize("name", field_options())
def test_an_option_sets_its_setting_and_no_other(name: str) -> None:
    value = VALUES.get(name, "word")
    arguments = [flag_of(name)] if name in ("tensorboard", "plain") else [flag_of(name), value]
    found = given(*arguments)
    assert found.keys() == {name}
    before = TeacherSettings(data="d", output="o")
    layer = SettingsLayer("command line", {"data": "d", "output": "o", **found})
    after = merge_settings([layer])
    changed = {f for f in after.__struct_fields__ if getattr(after, f) != getattr(before, f)}
    assert changed == {name}


def test_nothing_given_sets_nothing() -> None:
    assert given() == {}


def test_help_shows_every_option_under_its_heading() -> None:
    context = click.Context(train_command, info_name="train-teacher", terminal_width=100)
    pages = dict.fromkeys(PANELS, "")
    heading = ""
    for line in train_command.get_help(context).splitlines():
        heading = line.rstrip(":") if line.endswith(":") and line[0] != " " else heading
        pages[heading] = pages.get(heading, "") + line + "\n"
    for name, option in field_options().items():
        assert f"  {flag_of(name)}" in pages[option.panel], name
        assert field_help(name).split()[0] in pages[option.panel]
    assert list(pages)[: len(PANELS)] == list(PANELS)
    assert "--tune frozen|lora|full" in pages["Model"]
    assert "<bool>" not in "".join(pages.values())


def test_a_pair_without_a_value_is_refused() -> None:
    with pytest.raises(UsageError, match="write it as NAME=VALUE"):
        given("--class-prompt", "cat")
    with pytest.raises(UsageError, match="has no value"):
        given("--set", "model.num_queries=")


@pytest.mark.parametrize(("text", "value"), [("8", 8), ("auto", "auto"), ("", None)])
def test_a_batch_is_a_number_or_a_word_and_never_called_another_option(
    text: str, value: object
) -> None:
    assert given("--batch-size", text) == {"batch_size": value}
