"""Grids made of Python numbers against those that MMDetection reads from the device."""

from __future__ import annotations

import importlib
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

importlib.import_module("train_teacher.mmdet_plugin")

# ruff: noqa: E402 - the path or the plugin comes first
from mmdet.models.detectors import DeformableDETR
from mmdet.models.layers import DeformableDetrTransformerEncoder

from train_teacher.mmdet_plugin.accelerated.attention import shift_mask
from train_teacher.mmdet_plugin.accelerated.denoising import denoising_mask
from train_teacher.mmdet_plugin.accelerated.level_geometry import (
    LevelSizes,
    image_extents,
    level_tensors,
    pixel_centres,
    proposals,
    reference_points,
    sizes_of,
)

CPU = torch.device("cpu")
SIZES: list[LevelSizes] = [((8, 6), (4, 3), (2, 2)), ((1, 1),), ((3, 11), (2, 6))]


def padding_of(sizes: LevelSizes) -> torch.Tensor:
    """Return (2, points) where a second image is padded to the right and below."""
    masks = []
    for height, width in sizes:
        mask = torch.zeros(2, height, width, dtype=torch.bool)
        mask[1, max(1, height // 2) :] = True
        mask[1, :, max(1, width - 1) :] = True
        masks.append(mask.flatten(1))
    return torch.cat(masks, dim=1)


@pytest.mark.parametrize("sizes", SIZES)
def test_reference_points_are_mmdetections(sizes: LevelSizes) -> None:
    ratios = torch.rand(2, len(sizes), 2) * 0.5 + 0.5
    expected = DeformableDetrTransformerEncoder.get_encoder_reference_points(
        torch.tensor(sizes), ratios, device="cpu"
    )
    torch.testing.assert_close(reference_points(sizes, ratios), expected)


@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("sizes", SIZES)
def test_boxes_around_every_pixel_are_mmdetections(sizes: LevelSizes, padded: bool) -> None:
    points = sum(height * width for height, width in sizes)
    padding = padding_of(sizes) if padded else None
    linear = SimpleNamespace(
        memory_trans_fc=torch.nn.Identity(), memory_trans_norm=torch.nn.Identity()
    )
    _, expected = DeformableDETR.gen_encoder_output_proposals(
        linear, torch.ones(2, points, 4), padding, torch.tensor(sizes)
    )
    ours = proposals(sizes, padding, 2, CPU)
    usable = torch.isfinite(expected)  # mmdet returns logits, infinite near the edge and outside
    assert usable.any()
    torch.testing.assert_close(torch.logit(ours)[usable], expected[usable], rtol=1e-4, atol=1e-4)


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
        assert shift_mask(161, 203, 7, 3, device).shape == (23 * 29, 49, 49)
        assert denoising_mask(20, 5, 900, device).shape == (1100, 1100)
        assert moved.total == 0
        centres, _, _ = pixel_centres(((101, 167), (51, 84)), device)
        assert len(centres) == 101 * 167 + 51 * 84
    assert moved.total == 48  # height, width and start of two levels


def test_what_is_kept_of_earlier_sizes_does_not_grow() -> None:
    for width in range(7, 700, 7):
        shift_mask(7, width, 7, 3, CPU)
        pixel_centres(((7, width),), CPU)
    assert shift_mask.cache_info().currsize <= 4
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
