"""Multi-scale deformable attention: the fastest correct implementation."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.util import find_spec
from subprocess import SubprocessError

import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from mmcv.ops import multi_scale_deform_attn
from mmengine.logging import MMLogger
from torch import Tensor

from train_teacher.mmdet_plugin.accelerated.level_geometry import (
    LevelSizes,
    level_tensors,
    sizes_of,
)
from train_teacher.mmdet_plugin.full_memory import says_memory_is_full

TOLERANCE = 1e-4
"""Largest difference from the reference, relative to its largest value; TF32 stays below 1e-3 only
in matrix products, of which there is none here."""

CANNOT_RUN = (
    RuntimeError,
    ImportError,
    TypeError,
    ValueError,
    OSError,
    AssertionError,
    SubprocessError,
)
"""A stand-in op, a kernel that was not built for this GPU, a package of another version, a C
compiler or driver library that a kernel's first call misses."""

Sampler = Callable[[Tensor, LevelSizes, Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Backend:
    """One implementation of the sampling."""

    name: str
    sample: Sampler


def sample_with_pytorch(
    value: Tensor, sizes: LevelSizes, locations: Tensor, weights: Tensor
) -> Tensor:
    """Sample every level with `grid_sample` and sum with the attention weights at once.

    mmcv's PyTorch version (multi_scale_deform_attn.py:112-168) keeps the samples of all levels in
    one more copy and multiplies them before it sums.

    Args:
        value: (N, points, heads, width).
        sizes: (height, width) by level.
        locations: (N, queries, heads, levels, samples, 2) x and y in [0, 1].
        weights: (N, queries, heads, levels, samples).

    Returns:
        (N, queries, heads * width).
    """
    batch, points, heads, width = value.shape
    queries, levels, samples = locations.shape[1], locations.shape[3], locations.shape[4]
    maps = value.permute(0, 2, 3, 1).reshape(batch * heads, width, points)
    grids = (2 * locations - 1).permute(3, 0, 2, 1, 4, 5)
    grids = grids.reshape(levels, batch * heads, queries, samples, 2)
    by_level = weights.permute(3, 0, 2, 1, 4).reshape(levels, batch * heads, queries, samples)
    output = value.new_zeros(())
    start = 0
    for (height, length), grid, weight in zip(sizes, grids, by_level, strict=True):
        level = maps[:, :, start : start + height * length]
        sampled = F.grid_sample(
            level.view(batch * heads, width, height, length), grid, align_corners=False
        )
        output = output + torch.einsum("bdqs,bqs->bdq", sampled, weight)
        start += height * length
    return output.reshape(batch, heads * width, queries).transpose(1, 2)


def sample_with_mmcv(
    value: Tensor, sizes: LevelSizes, locations: Tensor, weights: Tensor
) -> Tensor:
    """Sample with mmcv's compiled CUDA kernel; arguments as in `sample_with_pytorch`."""
    shapes, starts = level_tensors(sizes, value.device)
    sampled: Tensor = multi_scale_deform_attn.MultiScaleDeformableAttnFunction.apply(
        value.contiguous(), shapes, starts, locations.contiguous(), weights.contiguous(), 64
    )
    return sampled


def sample_with_deformops(
    value: Tensor, sizes: LevelSizes, locations: Tensor, weights: Tensor
) -> Tensor:
    """Sample with deformops' Triton kernels (extra `triton`); arguments as in the others."""
    msda = importlib.import_module("deformops.registry").msda
    shapes, starts = level_tensors(sizes, value.device)
    sampled: Tensor = msda(value.contiguous(), shapes, starts, locations, weights)
    return sampled


def sample_with_torch_extension(
    value: Tensor, sizes: LevelSizes, locations: Tensor, weights: Tensor
) -> Tensor:
    """Sample with torch-ms-deform-attn's C++ code (extra `cpu`); arguments as in the others."""
    extension = importlib.import_module("torch_ms_deform_attn")
    shapes, starts = level_tensors(sizes, value.device)
    sampled: Tensor = extension.ms_deform_attn(
        value.contiguous(), shapes, starts, locations.contiguous(), weights.contiguous()
    )
    return sampled


def sample_with_reference(
    value: Tensor, sizes: LevelSizes, locations: Tensor, weights: Tensor
) -> Tensor:
    """Sample with mmcv's PyTorch code; arguments as in `sample_with_pytorch`."""
    sampled: Tensor = multi_scale_deform_attn.multi_scale_deformable_attn_pytorch(
        value, torch.tensor(sizes), locations, weights
    )
    return sampled


def backend_for(device: torch.device) -> Backend:
    """Return the first implementation that computes what mmcv's PyTorch code computes."""
    return _backend(device.type)


@cache
def _backend(device_type: str) -> Backend:
    for backend in _candidates(device_type):
        reason = why_unusable(backend.sample, torch.device(device_type))
        if reason is None:
            return backend
        MMLogger.get_current_instance().info(
            f"deformable attention: {backend.name} cannot be used here: {reason}"
        )
    return Backend("PyTorch, mmcv's", sample_with_reference)


def _candidates(device_type: str) -> Iterator[Backend]:
    if device_type == "cuda":
        if find_spec("deformops"):
            yield Backend("deformops", sample_with_deformops)
        yield Backend("mmcv, compiled", sample_with_mmcv)
    if device_type == "cpu" and find_spec("torch_ms_deform_attn"):
        yield Backend("torch-ms-deform-attn", sample_with_torch_extension)
    yield Backend("PyTorch, ours", sample_with_pytorch)


def why_unusable(sample: Sampler, device: torch.device) -> str | None:
    """Compare output and gradients with mmcv's PyTorch code on one random input.

    Returns:
        None when they agree; else what went wrong. Memory that is full says nothing about the
        implementation, and is raised.
    """
    try:
        found = _results(sample, device)
    except Exception as error:  # triton's have no base of their own; all others are raised again
        if says_memory_is_full(error) or not (isinstance(error, CANNOT_RUN) or _of_triton(error)):
            raise
        return f"{type(error).__name__}: {error}"
    expected = _results(sample_with_reference, device)
    agree = all(
        bool((a - b).abs().max() <= TOLERANCE * b.abs().max())
        for a, b in zip(found, expected, strict=True)
    )
    return None if agree else "its numbers are not those of mmcv's PyTorch code"


def _of_triton(error: Exception) -> bool:
    """Recognize triton's errors, which have no base that all versions share, without triton."""
    return any(kind.__module__.partition(".")[0] == "triton" for kind in type(error).__mro__)


def _results(sample: Sampler, device: torch.device) -> tuple[Tensor, ...]:
    sizes, inputs, direction = _example(device)
    leaves = [tensor.clone().requires_grad_() for tensor in inputs]
    # A probe inside a step must neither lose nor half its precision to the step's modes.
    with torch.enable_grad(), torch.autocast(device.type, enabled=False):
        output = sample(leaves[0], sizes, leaves[1], leaves[2])
        gradients = torch.autograd.grad(output, leaves, direction)
    return output.detach(), *gradients


@lru_cache(maxsize=2)
def _example(device: torch.device) -> tuple[LevelSizes, tuple[Tensor, ...], Tensor]:
    sizes = ((9, 7), (5, 4), (3, 2), (2, 1))
    points = sum(height * width for height, width in sizes)
    random = torch.Generator().manual_seed(0)
    value = torch.randn(2, points, 8, 32, generator=random)
    # A few locations lie outside: samples there count as zero.
    locations = torch.rand(2, 11, 8, 4, 4, 2, generator=random) * 1.2 - 0.1
    weights = torch.rand(2, 11, 8, 4, 4, generator=random)
    direction = torch.randn(2, 11, 256, generator=random)
    inputs = (value.to(device), locations.to(device), weights.to(device))
    return sizes, inputs, direction.to(device)


class TeacherDeformableAttention(multi_scale_deform_attn.MultiScaleDeformableAttention):
    """mmcv's module without host-device syncs, sampling in 32 bits with the chosen backend.

    An existing module becomes one by its `__class__`: parameters and their names stay.
    """

    def forward(
        self,
        query: Tensor,
        key: Tensor | None = None,
        value: Tensor | None = None,
        identity: Tensor | None = None,
        query_pos: Tensor | None = None,
        key_padding_mask: Tensor | None = None,
        reference_points: Tensor | None = None,
        spatial_shapes: Tensor | LevelSizes | None = None,
        level_start_index: Tensor | None = None,
        **kwargs: object,
    ) -> Tensor:
        """Attend to a few points of every level.

        Args:
            query: (N, queries, channels); all modules of Grounding DINO have the batch first.
            key: unused.
            value: (N, points, channels); None takes the query.
            identity: added to the result; None takes the query.
            key_padding_mask: (N, points), True where there is no image.
            reference_points: (N, queries, levels, 2 or 4) points or boxes in shares of the image.
            spatial_shapes: sizes of the levels, or (levels, 2).
            level_start_index: unused.
            **kwargs: unused.

        Returns:
            (N, queries, channels).
        """
        if reference_points is None or spatial_shapes is None:
            raise ValueError("deformable attention needs reference points and level sizes")
        value = query if value is None else value
        identity = query if identity is None else identity
        query = query if query_pos is None else query + query_pos
        sizes = sizes_of(spatial_shapes)
        values = self.value_proj(value)
        if key_padding_mask is not None:
            values = values.masked_fill(key_padding_mask[..., None], 0.0)
        values = values.view(*values.shape[:2], self.num_heads, -1)
        locations, weights = self._sampling(query, reference_points, sizes)
        # 8 bits of a bf16 coordinate are two pixels of a large image, and mmcv's kernel knows no
        # bf16: the sampling runs in 32 bits whatever the rest runs in.
        sample = backend_for(values.device).sample
        with torch.autocast(values.device.type, enabled=False):
            output = sample(values.float(), sizes, locations, weights)
        return self.dropout(self.output_proj(output)) + identity  # type: ignore[no-any-return]

    def _sampling(
        self, query: Tensor, reference_points: Tensor, sizes: LevelSizes
    ) -> tuple[Tensor, Tensor]:
        shape = (*query.shape[:2], self.num_heads, self.num_levels, self.num_points)
        offsets = self.sampling_offsets(query).float().view(*shape, 2)
        weights = self.attention_weights(query).float().view(*shape[:3], -1).softmax(-1)
        points = reference_points.float()[:, :, None, :, None]
        if points.shape[-1] == 2:  # noqa: PLR2004 - points, not boxes
            shapes, _ = level_tensors(sizes, query.device)
            return points + offsets / shapes.flip(-1)[:, None], weights.view(shape)
        half = points[..., 2:] * 0.5
        return points[..., :2] + offsets / self.num_points * half, weights.view(shape)
