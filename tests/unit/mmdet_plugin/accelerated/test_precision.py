"""Parts that stay in 32 bits inside a step in 16."""

from __future__ import annotations

import copy
import importlib
from typing import Any

import pytest
import torch

importlib.import_module("train_teacher.mmdet_plugin")

# ruff: noqa: E402 - the path or the plugin comes first
from mmdet.models.dense_heads.grounding_dino_head import ContrastiveEmbed

from train_teacher.mmdet_plugin.accelerated.precision import (
    FullPrecisionContrast,
    FullPrecisionSequential,
)


def test_box_branches_stay_in_32_bits_inside_a_bf16_step() -> None:
    branch = torch.nn.Sequential(torch.nn.Linear(8, 8), torch.nn.ReLU(), torch.nn.Linear(8, 4))
    features = torch.randn(3, 8)
    expected = branch(features)
    with torch.autocast("cpu", torch.bfloat16):
        assert branch(features).dtype == torch.bfloat16
        branch.__class__ = FullPrecisionSequential
        assert torch.equal(branch(features), expected)


@pytest.mark.parametrize("tokens", [1, 5, 8])
@pytest.mark.parametrize("scale", ["auto", "none", 0.7])
@pytest.mark.parametrize("bias", [False, True])
def test_similarities_are_mmdetections_and_stay_in_32_bits(
    tokens: int, scale: Any, bias: bool
) -> None:
    torch.manual_seed(0)
    stock = ContrastiveEmbed(max_text_len=8, log_scale=scale, bias=bias)
    ours = copy.deepcopy(stock)
    ours.__class__ = FullPrecisionContrast
    image, text = torch.randn(2, 6, 16), torch.randn(2, tokens, 16)
    present = torch.ones(2, tokens, dtype=torch.bool)
    present[1, tokens - 1] = False
    expected = stock(image, text, present)
    torch.testing.assert_close(ours(image, text, present), expected)
    assert torch.isinf(expected).any()
    with torch.autocast("cpu", torch.bfloat16):
        inside = ours(image, text, present)
    assert inside.dtype == torch.float32
    torch.testing.assert_close(inside, expected)
