"""Attention modules against those of MMDetection and mmcv."""

from __future__ import annotations

import importlib
from typing import Any

import pytest
import torch

importlib.import_module("train_teacher.mmdet_plugin")

# ruff: noqa: E402 - the path or the plugin comes first
from mmcv.cnn.bricks.transformer import MultiheadAttention
from mmdet.models.utils.vlfuse_helper import BiMultiHeadAttention

from module_comparison import compare
from train_teacher.mmdet_plugin.accelerated.attention import (
    TeacherBiAttention,
    TeacherMultiheadAttention,
)


@pytest.mark.parametrize("kind", ["self", "text", "phrases"])
def test_attention_without_weights_computes_the_same_and_keeps_less(kind: str) -> None:
    torch.manual_seed(1)
    queries, keys = 40, 40 if kind != "text" else 12
    inputs: dict[str, Any] = {
        "query": torch.randn(2, queries, 64),
        "key": torch.randn(2, keys, 64),
        "value": torch.randn(2, keys, 64),
        "query_pos": torch.randn(2, queries, 64),
    }
    if kind == "self":
        inputs["attn_mask"] = torch.rand(queries, keys) > 0.7
    if kind == "text":
        inputs["key_padding_mask"] = torch.arange(keys)[None] > torch.tensor([[5], [11]])
        inputs["key_pos"] = torch.randn(2, keys, 64)
    if kind == "phrases":
        inputs["attn_mask"] = ~torch.block_diag(*[torch.ones(8, 8)] * 5).bool().repeat(8, 1, 1)
    stock = MultiheadAttention(64, 4, batch_first=True)
    ours, theirs = compare(stock, TeacherMultiheadAttention, inputs)
    # A mask by head is as large as the weights that it saves.
    assert ours < theirs or kind == "phrases"


@pytest.mark.parametrize("padded", [False, True])
def test_image_text_attention_computes_the_same_and_keeps_half(padded: bool) -> None:
    torch.manual_seed(1)
    stock = BiMultiHeadAttention(32, 32, 64, 4, dropout=0.0)
    ours, theirs = compare(
        stock,
        TeacherBiAttention,
        {
            "vision": torch.randn(2, 300, 32),
            "lang": torch.randn(2, 40, 32),
            "attention_mask_v": torch.arange(300)[None] > torch.tensor([[250], [299]])
            if padded
            else None,
            "attention_mask_l": torch.arange(40)[None] > torch.tensor([[20], [39]]),
        },
    )
    assert ours < 0.7 * theirs
