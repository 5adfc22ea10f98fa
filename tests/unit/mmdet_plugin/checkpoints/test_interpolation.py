"""Weights between base and training: both ends are exact, adapters are scaled as a product."""

from __future__ import annotations

import torch

from train_teacher.mmdet_plugin.checkpoints.interpolation import interpolated

DOWN, UP = "layer.lora_A.default.weight", "layer.lora_B.default.weight"


def test_both_ends_are_base_and_training_bit_for_bit() -> None:
    base, trained = {"w": torch.rand(50) * 1e-3}, {"w": torch.rand(50)}
    assert torch.equal(interpolated(base, trained, 0.0)["w"], base["w"])
    assert torch.equal(interpolated(base, trained, 1.0)["w"], trained["w"])
    assert torch.allclose(
        interpolated(base, trained, 0.25)["w"], 0.75 * base["w"] + 0.25 * trained["w"]
    )


def test_the_product_of_an_adapter_is_scaled_and_not_its_square() -> None:
    base = {DOWN: torch.rand(2, 8), UP: torch.zeros(8, 2)}
    trained = {DOWN: torch.rand(2, 8), UP: torch.rand(8, 2)}
    half = interpolated(base, trained, 0.5)
    assert torch.allclose(half[UP] @ half[DOWN], 0.5 * trained[UP] @ trained[DOWN])


def test_what_the_base_lacks_and_counters_stay_as_trained() -> None:
    base, trained = {"n": torch.tensor(1)}, {"n": torch.tensor(5), "new": torch.rand(3)}
    half = interpolated(base, trained, 0.5)
    assert int(half["n"]) == 5
    assert torch.equal(half["new"], trained["new"])
