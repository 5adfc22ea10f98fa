"""Choices of `--model auto` for some data sets and machines, as a table that people can judge.

tests/golden/model_choice.md is that table. After a wanted change rewrite it with
`python tests/unit/config/test_auto_model.py`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import get_args

import msgspec
import pytest

TESTS = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TESTS))

from demo_model import make_info, make_settings  # noqa: E402 - also run as a script
from train_teacher.config.auto_model import GIB, choose_model  # noqa: E402
from train_teacher.inspection.facts import DatasetInfo  # noqa: E402
from train_teacher.settings.schema import Tune  # noqa: E402

GOLDEN = TESTS / "golden" / "model_choice.md"
MACHINES = {
    "CPU": None,
    **{f"GPU of {size} GiB": size * GIB for size in (6, 12, 24, 80)},
}
IMAGES = (50, 5_000, 100_000)


def with_images(images: int) -> DatasetInfo:
    info = make_info()
    train = msgspec.structs.replace(info.splits[0], num_images=images)
    return msgspec.structs.replace(info, splits=(train, *info.splits[1:]))


def table() -> str:
    lines = [
        "# What --model auto chooses",
        "",
        "| training images | machine | model | why | tuning | why |",
        "|---|---|---|---|---|---|",
    ]
    for images in IMAGES:
        for machine, size in MACHINES.items():
            model, tune = choose_model(with_images(images), size, make_settings(), None)
            lines.append(
                f"| {images:,} | {machine} | {model.value} | {model.reason} | {tune.value} "
                f"| {tune.reason} |"
            )
    return "\n".join(lines) + "\n"


def test_the_choices_are_those_of_the_table() -> None:
    assert table() == GOLDEN.read_text("utf-8")


def test_more_memory_never_chooses_a_smaller_base() -> None:
    order = ("swin-t", "swin-b", "swin-l")
    for images in IMAGES:
        sizes = [
            order.index(
                choose_model(with_images(images), gib * GIB, make_settings(), None)[0].value
            )
            for gib in range(2, 200)
        ]
        assert sizes == sorted(sizes)


@pytest.mark.parametrize("size", [None, 80 * GIB])
def test_what_the_user_says_of_tuning_is_not_chosen(size: int | None) -> None:
    _, tune = choose_model(with_images(50), size, make_settings(), "full")
    assert tune.value == "full"
    assert tune.given


def test_little_memory_is_no_reason_for_adapters_which_take_as_much() -> None:
    small, large = (
        choose_model(with_images(5_000), size * GIB, make_settings(), None)[1] for size in (6, 24)
    )
    assert (small.value, small.reason) == (large.value, large.reason)


@pytest.mark.parametrize("tune", get_args(Tune))
def test_a_large_gpu_gets_the_largest_base_in_every_mode(tune: Tune) -> None:
    model, _ = choose_model(with_images(5_000), 80 * GIB, make_settings(), tune)
    assert model.value == "swin-l"


def test_who_asks_what_is_forgotten_gets_what_can_be_switched_off() -> None:
    settings = make_settings(retain="other.json")
    _, tune = choose_model(with_images(5_000), 80 * GIB, settings, None)
    assert tune.value == "lora"


if __name__ == "__main__":
    GOLDEN.write_text(table(), "utf-8")
