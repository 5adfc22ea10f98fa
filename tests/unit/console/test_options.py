"""Options that commands share say what they take."""

from __future__ import annotations

import click
import pytest

from train_teacher.console.options import (
    device_option,
    parse_assignments,
    parse_class_prompts,
    parse_pairs,
)
from train_teacher.core.errors import UsageError


def test_a_value_may_hold_equals_signs_and_a_name_may_come_twice() -> None:
    pairs = ["cat=a=b", " dog =x", "cat=last"]
    assert parse_pairs(pairs, "--phrase") == [("cat", "a=b"), ("dog", "x"), ("cat", "last")]
    assert parse_assignments(pairs, "--set") == {"cat": "last", "dog": "x"}


def test_the_name_of_a_class_may_hold_equals_signs_and_keeps_its_phrase() -> None:
    pairs = ["a=b=some words", "a=c=other words", " cat =kitty"]
    meant = {"a=b": "some words", "a=c": "other words", "cat": "kitty"}

    assert parse_class_prompts(pairs) == meant


@pytest.mark.parametrize("pair", ["cat", "=kitty", "  =kitty"])
def test_a_pair_without_name_or_sign_is_refused_with_its_option(pair: str) -> None:
    with pytest.raises(UsageError, match=r"--phrase .*NAME=VALUE"):
        parse_pairs([pair], "--phrase")


def test_another_value_is_refused_with_the_choices() -> None:
    shown = device_option(click.command("c")(lambda device: device))
    assert shown.main(["--device", "cpu"], standalone_mode=False) == "cpu"
    with pytest.raises(click.BadParameter, match="'tpu' is not one of auto, cpu, cuda"):
        shown.main(["--device", "tpu"], standalone_mode=False)
