"""Sizes of the feature levels, known to the host, and the grids that follow from them.

mmdet hands the sizes through the model as a tensor on the device and reads numbers back out of it
in every layer (deformable_detr_layers.py:103-108, deformable_detr.py:489-508, mmcv's
multi_scale_deform_attn.py:335). Here Python numbers go through the model in the tensor's place,
and each grid is made once per size.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import accumulate

import torch
from torch import Tensor

LevelSizes = tuple[tuple[int, int], ...]
"""(height, width) of every feature level."""

REMEMBERED_SIZES = 4
"""Training sizes hardly ever return; a step asks for its own several times."""


def to_device(values: Tensor, device: torch.device) -> Tensor:
    """Send host values to the device without a sync.

    Args:
        values: on CPU.
    """
    if device.type == "cuda":
        return values.pin_memory().to(device, non_blocking=True)
    return values.to(device)


@lru_cache(maxsize=REMEMBERED_SIZES)
def image_extents(shapes: tuple[tuple[int, int], ...], device: torch.device) -> Tensor:
    """Return (N, 4) what normalizes boxes: width, height, width, height of each image."""
    extents = [[width, height, width, height] for height, width in shapes]
    return to_device(torch.tensor(extents, dtype=torch.float32), device)


@lru_cache(maxsize=REMEMBERED_SIZES)
def level_tensors(sizes: LevelSizes, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return mmdet's `spatial_shapes` (levels, 2) and `level_start_index` (levels,)."""
    counts = [height * width for height, width in sizes]
    starts = [0, *accumulate(counts[:-1])]
    packed = to_device(torch.tensor([*zip(*sizes, strict=True), starts]), device)
    return packed[:2].t().contiguous(), packed[2]


def sizes_of(spatial_shapes: Tensor | LevelSizes) -> LevelSizes:
    """Return the sizes of the levels; mmdet's tensor is read with a host-device sync.

    Args:
        spatial_shapes: what arrives under this name: sizes, or mmdet's (levels, 2) tensor.
    """
    if isinstance(spatial_shapes, Tensor):
        return tuple((int(height), int(width)) for height, width in spatial_shapes.tolist())
    return spatial_shapes


@lru_cache(maxsize=REMEMBERED_SIZES)
def pixel_centres(sizes: LevelSizes, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Return the center of every pixel of every level, and what it is divided by.

    Args:
        sizes: (height, width) by level.

    Returns:
        (points, 2) centers (x, y) in pixels of their own level; (points, 2) width and height of
        that level; (points,) its number.
    """
    shapes, starts = level_tensors(sizes, device)
    total = sum(height * width for height, width in sizes)
    # Its size is given: no host-device sync is needed.
    levels = torch.repeat_interleave(shapes.prod(-1), output_size=total)
    place = torch.arange(total, device=device) - starts[levels]
    extents = shapes.flip(-1)[levels]
    width = extents[:, 0]
    centres = torch.stack([place % width, place // width], dim=-1) + 0.5
    return centres, extents.float(), levels


def reference_points(sizes: LevelSizes, valid_ratios: Tensor) -> Tensor:
    """Return the encoder's reference points, as mmdet's deformable_detr_layers.py:76-121.

    Args:
        sizes: (height, width) by level.
        valid_ratios: (N, levels, 2) unpadded share of width and height.

    Returns:
        (N, points, levels, 2), in shares of the padded image.
    """
    centres, extents, levels = pixel_centres(sizes, valid_ratios.device)
    own = centres / (valid_ratios[:, levels] * extents)
    return own[:, :, None] * valid_ratios[:, None]
