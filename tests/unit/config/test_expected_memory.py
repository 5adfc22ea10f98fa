"""Expected memory grows with what makes a step larger, and is not told of unknown models."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from demo_model import make_settings
from train_teacher.config.expected_memory import expected_gpu_memory
from train_teacher.settings.yaml_files import preset_names

BASE: dict[str, Any] = {
    "precision": "bf16",
    "tune": "frozen",
    "batch_size": 2,
    "train_scales": [[480, 1333]],
}


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
        {"tune": "full"},
        {"batch_size": 3},
        {"precision": "fp32"},
        {"train_scales": [[480, 1333], [800, 1333]]},
    ],
)
def test_a_larger_step_is_expected_to_take_more(larger: dict[str, Any]) -> None:
    assert all(more > less for more, less in zip(expected(**larger), expected(), strict=True))


def test_adapters_take_less_and_recomputing_takes_less() -> None:
    assert expected(tune="lora") < expected()
    least, most = expected()
    assert 2 * least < most


def test_what_never_changes_is_weights_gradients_and_moments() -> None:
    none = [[1, 1]]
    for tune, megabytes in (("lora", 738), ("frozen", 1131), ("full", 2768)):
        assert expected(tune=tune, train_scales=none)[0] == pytest.approx(megabytes * 1e6, rel=1e-3)


def test_every_published_preset_is_known_and_the_demo_is_not() -> None:
    demo = msgspec.structs.replace(make_settings(), model="demo", **BASE)
    assert expected_gpu_memory(demo) is None
    for model in set(preset_names()) - {"demo"}:
        assert expected(model)
