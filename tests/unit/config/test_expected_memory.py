"""Expected memory is that of the measured table, and unknown for other models."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from demo_model import make_settings
from train_teacher.config.expected_memory import (
    MIB,
    expected_gpu_memory,
    memory_table,
    step_bytes,
)
from train_teacher.mmdet_plugin.startup.memory_probe import USABLE_SHARE
from train_teacher.settings.yaml_files import preset_names

BASE: dict[str, Any] = {
    "precision": "bf16",
    "tune": "frozen",
    "batch_size": 2,
    "train_scales": [[480, 1333]],
}
ROWS = [(model, tune) for model, modes in memory_table().peaks.items() for tune in modes]


def expected(model: str = "swin-t", **values: Any) -> tuple[float, float]:
    made = msgspec.structs.replace(make_settings(), model=model, **{**BASE, **values})
    found = expected_gpu_memory(made)
    assert found is not None
    return found


@pytest.mark.parametrize(
    "larger",
    [
        {"model": "swin-b"},
        {"model": "swin-l"},
        {"batch_size": 3},
        {"precision": "fp32"},
        {"train_scales": [[480, 1333], [800, 1333]]},
    ],
)
def test_a_larger_step_is_expected_to_take_more(larger: dict[str, Any]) -> None:
    assert all(more > less for more, less in zip(expected(**larger), expected(), strict=True))


def test_the_margin_is_the_share_that_the_probe_leaves_and_the_context() -> None:
    table = memory_table()
    assert table.usable == USABLE_SHARE
    peak = table.peaks["swin-t"]["frozen"][6][1]
    needed = step_bytes("swin-t", "frozen", 2, 6)
    assert needed == pytest.approx((peak / USABLE_SHARE + table.context) * MIB)


@pytest.mark.parametrize(("model", "tune"), ROWS)
def test_every_measured_step_is_a_straight_line_of_images_and_layers(model: str, tune: str) -> None:
    table = memory_table()
    for layers, peaks in table.peaks[model][tune].items():
        for images, peak in zip((1, 2, 4), peaks, strict=False):
            needed = step_bytes(model, tune, images, layers)
            assert needed is not None
            told = (needed / MIB - table.context) * table.usable
            assert told == pytest.approx(peak, rel=0.05)


def test_every_published_preset_is_known_and_the_demo_is_not() -> None:
    demo = msgspec.structs.replace(make_settings(), model="demo", **BASE)
    assert expected_gpu_memory(demo) is None
    for model in set(preset_names()) - {"demo"}:
        assert expected(model)


def test_what_was_not_measured_is_not_told() -> None:
    assert step_bytes("swin-t", "no such mode", 1, 0) is None
