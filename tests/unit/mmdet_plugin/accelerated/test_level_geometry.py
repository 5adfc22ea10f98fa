"""Grids made of Python numbers against those that MMDetection reads from the device."""

from __future__ import annotations

import importlib
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

importlib.import_module("train_teacher.mmdet_plugin")

# ruff: noqa: E402 - the path or the plugin comes first
from mmdet.models.layers import DeformableDetrTransformerEncoder

from train_teacher.mmdet_plugin.accelerated.denoising import denoising_mask
from train_teacher.mmdet_plugin.accelerated.level_geometry import (
    LevelSizes,
    image_extents,
    level_tensors,
    pixel_centres,
    reference_points,
    sizes_of,
)

CPU = torch.device("cpu")
SIZES: list[LevelSizes] = [((8, 6), (4, 3), (2, 2)), ((1, 1),), ((3, 11), (2, 6))]


@pytest.mark.parametrize("sizes", SIZES)
def test_reference_points_are_mmdetections(sizes: LevelSizes) -> None:
    ratios = torch.rand(2, len(sizes), 2) * 0.5 + 0.5
    expected = DeformableDetrTransformerEncoder.get_encoder_reference_points(
        torch.tensor(sizes), ratios, device="cpu"
    )
    torch.testing.assert_close(reference_points(sizes, ratios), expected)


@pytest.mark.parametrize("sizes", SIZES)
def test_the_tensors_that_mmcv_asks_for_tell_the_same_sizes(sizes: LevelSizes) -> None:
    shapes, starts = level_tensors(sizes, CPU)
    assert sizes_of(shapes) == sizes_of(sizes) == sizes
    ends = (starts + shapes.prod(1)).tolist()
    assert starts.tolist() == [0, *ends[:-1]]


def test_boxes_are_divided_by_the_width_and_height_of_their_own_image() -> None:
    extents = image_extents(((48, 64), (10, 20)), CPU)
    assert extents.tolist() == [[64, 48, 64, 48], [20, 10, 20, 10]]


class BytesFromHost(TorchDispatchMode):
    """Counts what operators move from the CPU to the meta device, which stands for a GPU."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.total = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if isinstance(result, Tensor) and result.device.type == "meta":
            host = [x for x in args if isinstance(x, Tensor) and x.device.type == "cpu"]
            self.total += sum(x.numel() * x.element_size() for x in host)
        return result


def test_masks_and_grids_of_a_new_size_are_made_on_the_device() -> None:
    device = torch.device("meta")
    with BytesFromHost() as moved:
        assert denoising_mask(20, 5, 900, device).shape == (1100, 1100)
        assert moved.total == 0
        centres, _, _ = pixel_centres(((101, 167), (51, 84)), device)
        assert len(centres) == 101 * 167 + 51 * 84
    assert moved.total == 48  # height, width and start of two levels


def test_what_is_kept_of_earlier_sizes_does_not_grow() -> None:
    for width in range(7, 700, 7):
        pixel_centres(((7, width),), CPU)
    assert pixel_centres.cache_info().currsize <= 4


@pytest.mark.parametrize("sizes", [((9, 7), (5, 4)), ((1, 1),), ((8, 3), (4, 2), (2, 1), (1, 1))])
def test_pixel_centres_are_those_of_every_level_in_turn(sizes: tuple[tuple[int, int], ...]) -> None:
    expected = [
        (x + 0.5, y + 0.5, width, height, level)
        for level, (height, width) in enumerate(sizes)
        for y in range(height)
        for x in range(width)
    ]
    centres, extents, levels = pixel_centres(sizes, CPU)
    found = torch.cat([centres, extents, levels[:, None]], dim=-1)
    assert found.tolist() == [list(row) for row in expected]
    assert centres.dtype == extents.dtype == torch.float32
    assert levels.dtype == torch.int64
