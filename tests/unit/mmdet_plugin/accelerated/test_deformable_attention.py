"""Deformable attention against that of mmcv, whose place it takes."""

from __future__ import annotations

import importlib
import subprocess
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any

import pytest
import torch
from torch import Tensor

importlib.import_module("train_teacher.mmdet_plugin")

# ruff: noqa: E402 - the path or the plugin comes first
from host_reads import HostReads
from mmcv.ops import MultiScaleDeformableAttention
from mmengine.logging import MMLogger

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

    assert deformable_attention.why_unusable(wrong, CPU)
    assert deformable_attention.why_unusable(deformable_attention.sample_with_mmcv, CPU)
    assert deformable_attention.why_unusable(
        deformable_attention.sample_with_deformops, CPU
    ) or find_spec("deformops")
    broken = deformable_attention.Backend("broken", wrong)
    monkeypatch.setattr(deformable_attention, "_candidates", lambda device: iter([broken]))
    deformable_attention._backend.cache_clear()
    assert deformable_attention.backend_for(CPU).name == "PyTorch, mmcv's"
    deformable_attention._backend.cache_clear()


class OutOfResources(Exception):  # noqa: N818 - triton's name
    """As triton raises it: an Exception of its own."""

    __module__ = "triton.runtime.errors"


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Exception], None]]:
    """Put an implementation that fails before all others."""

    def fail_with(error: Exception) -> None:
        def sample(value: Tensor, sizes: Any, locations: Tensor, weights: Tensor) -> Tensor:
            raise error

        deformable_attention._backend.cache_clear()
        candidates = [
            deformable_attention.Backend("broken", sample),
            *deformable_attention._candidates("cpu"),
        ]
        monkeypatch.setattr(deformable_attention, "_candidates", lambda _: iter(candidates))

    yield fail_with
    deformable_attention._backend.cache_clear()


@pytest.mark.parametrize(
    "error",
    [
        OSError("libcuda.so.1: cannot open shared object file"),
        AssertionError("libcuda.so cannot found!"),
        subprocess.CalledProcessError(1, "gcc"),
        OutOfResources("out of resource: shared memory"),
    ],
)
def test_an_implementation_that_cannot_be_built_here_leaves_the_work_to_the_next(
    error: Exception, failing: Callable[[Exception], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(MMLogger.get_current_instance(), "info", said.append)
    failing(error)
    for _ in range(2):
        assert deformable_attention.backend_for(CPU).name == "PyTorch, ours"
    assert len(said) == 1
    assert f"broken cannot be used here: {type(error).__name__}" in said[0]


@pytest.mark.parametrize(
    "error", [torch.cuda.OutOfMemoryError("x"), RuntimeError("CUDA error: out of memory")]
)
def test_full_memory_while_an_implementation_is_tried_stays_full_memory(
    error: Exception, failing: Callable[[Exception], None]
) -> None:
    failing(error)
    with pytest.raises(type(error)):
        deformable_attention.backend_for(CPU)
