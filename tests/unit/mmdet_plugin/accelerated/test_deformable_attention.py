"""Deformable attention against that of mmcv, whose place it takes."""

from __future__ import annotations

import importlib
from importlib.util import find_spec
from typing import Any

import pytest
import torch
from torch import Tensor

importlib.import_module("train_teacher.mmdet_plugin")

# ruff: noqa: E402 - the path or the plugin comes first
from host_reads import HostReads
from mmcv.ops import MultiScaleDeformableAttention

from module_comparison import compare
from train_teacher.mmdet_plugin.accelerated import deformable_attention
from train_teacher.mmdet_plugin.accelerated.level_geometry import level_tensors

CPU = torch.device("cpu")
SIZES = ((9, 7), (5, 4))
POINTS = sum(height * width for height, width in SIZES)


@pytest.mark.parametrize("boxes", [False, True])
def test_deformable_attention_computes_what_mmcv_computes(boxes: bool) -> None:
    torch.manual_seed(1)
    deformable_attention.backend_for(CPU)  # its self-check keeps tensors too
    stock = MultiScaleDeformableAttention(64, 4, 2, 4, dropout=0.0, batch_first=True)
    kept = compare(
        stock,
        deformable_attention.TeacherDeformableAttention,
        {
            "query": torch.randn(2, 6, 64),
            "value": torch.randn(2, POINTS, 64),
            "query_pos": torch.randn(2, 6, 64),
            "key_padding_mask": torch.rand(2, POINTS) > 0.8,
            "reference_points": torch.rand(2, 6, 2, 4 if boxes else 2),
            "spatial_shapes": level_tensors(SIZES, CPU)[0],
        },
    )
    assert kept[0] <= kept[1]


def test_deformable_attention_reads_nothing_from_the_device() -> None:
    module = MultiScaleDeformableAttention(64, 4, 2, 4, batch_first=True)
    module.__class__ = deformable_attention.TeacherDeformableAttention
    inputs = {
        "query": torch.randn(2, POINTS, 64),
        "reference_points": torch.rand(2, POINTS, 2, 2),
        "spatial_shapes": SIZES,
    }
    module(**inputs)
    with HostReads() as reads:
        module(**inputs)
    assert reads.total == 0


def test_our_sampling_is_chosen_and_a_wrong_one_would_not_be(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert deformable_attention.backend_for(CPU).name == "PyTorch, ours"

    def wrong(value: Tensor, sizes: Any, locations: Tensor, weights: Tensor) -> Tensor:
        shifted = locations + 0.01
        return deformable_attention.sample_with_pytorch(value, sizes, shifted, weights)

    assert not deformable_attention.agrees_with_reference(wrong, CPU)
    assert not deformable_attention.agrees_with_reference(
        deformable_attention.sample_with_mmcv, CPU
    )
    assert not deformable_attention.agrees_with_reference(
        deformable_attention.sample_with_deformops, CPU
    ) or find_spec("deformops")
    broken = deformable_attention.Backend("broken", wrong)
    monkeypatch.setattr(deformable_attention, "_candidates", lambda device: iter([broken]))
    deformable_attention._backend.cache_clear()
    assert deformable_attention.backend_for(CPU).name == "PyTorch, mmcv's"
    deformable_attention._backend.cache_clear()
