"""Trial steps before training, to see what fits into the GPU's memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import torch
from mmdet.structures import DetDataSample
from mmengine.dist import all_gather_object
from mmengine.structures import InstanceData
from torch import Tensor, nn

from train_teacher.core.errors import UserError
from train_teacher.mmdet_plugin.full_memory import unless_memory_is_full
from train_teacher.mmdet_plugin.upstream_internals import averaging_alone

USABLE_SHARE = 0.9
"""Of the memory that no other program holds; the rest is for fragments of the allocator and for
crowded batches."""
KEPT_NUMBERS = 3
"""Kept per trained number: AdamW's two, from its first step on, and the gradient, which lies there
during all of a step when batches are summed or processes exchange it."""
PROBE_SEED = 0

Measure = Callable[[int, int], "int | None"]
"""(recomputed layers, images) -> peak bytes of a step, or None when memory ran out."""


@dataclass(frozen=True)
class Choice:
    """Batch and recomputed layers that training will use."""

    layers: int
    """Encoder layers that are computed again."""
    images: int
    """Images that go through the model at once."""
    peak: int
    """Bytes that the probe step took."""


def choose(
    measure: Measure,
    limit: int,
    batch_size: int,
    layer_choices: Sequence[int],
    fit_batch: bool,
) -> Choice:
    """Return the fastest setting that fits.

    Args:
        measure: runs one step.
        limit: bytes that may be used.
        batch_size: images of an optimizer step.
        layer_choices: numbers of recomputed layers, the fastest first. None is the fastest; all
            six cost a quarter more arithmetic and keep a third of the activations (measured for
            Swin-T at 512 x 512: 588 against 725 GFLOP, 2.3 against 0.75 GB).
        fit_batch: whether a step's images may go through the model in equal parts.

    Returns:
        The first number of layers that fits, with the largest part of the batch that fits with it.

    Raises:
        UserError: nothing fits.
    """
    parts = [n for n in range(batch_size, 0, -1) if batch_size % n == 0]
    peaks = []
    for layers in layer_choices:
        for images in parts if fit_batch else parts[:1]:
            peak = measure(layers, images)
            if peak is not None and peak <= limit:
                return Choice(layers, images, peak)
            peaks.append(peak)
    known = [peak for peak in peaks if peak is not None]
    needed = f"at least {min(known) / 2**30:.1f} GiB" if known else "more than there is"
    cure = "smaller train_scales" if fit_batch else "--batch-size auto, or smaller train_scales"
    raise UserError(
        f"a training step of {parts[-1] if fit_batch else batch_size} images needs {needed}, and "
        f"{limit / 2**30:.1f} GiB of GPU memory may be used: it would stop in the middle of the "
        f"run. Use {cure}; --tune full takes the most memory."
    )


def agreed(probe: Callable[[], Choice]) -> Choice:
    """Return a choice that fits every process: all split their batches alike.

    Args:
        probe: chooses for this process, without the others.

    Raises:
        UserError: nothing fits one of them.
    """
    try:
        own: Choice | str = probe()
    except UserError as error:
        own = str(error)
    everywhere = all_gather_object(own)
    choices = [found for found in everywhere if isinstance(found, Choice)]
    if refusals := [found for found in everywhere if isinstance(found, str)]:
        raise UserError(refusals[0])
    return Choice(
        layers=max(choice.layers for choice in choices),
        images=min(choice.images for choice in choices),
        peak=max(choice.peak for choice in choices),
    )


def crowded_batch(
    images: int, size: tuple[int, int], boxes: int, classes: Sequence[str], device: torch.device
) -> tuple[Tensor, list[DetDataSample]]:
    """Return the largest batch that training can meet.

    Args:
        images: N.
        size: height and width.
        boxes: of every image.

    Returns:
        (N, 3, height, width) noise and its samples.
    """
    random = torch.Generator().manual_seed(PROBE_SEED)
    height, width = size
    extent = torch.tensor([width, height, width, height])
    samples = []
    for _ in range(images):
        low = torch.rand(boxes, 2, generator=random) * 0.8
        corners = torch.cat([low, low + 0.02 + 0.18 * torch.rand(boxes, 2, generator=random)], 1)
        # One pixel narrower than the batch: padding masks are made, as in training.
        shape = (height, width - 1)
        sample = DetDataSample(
            metainfo={"img_shape": shape, "batch_input_shape": size, "text": tuple(classes)}
        )
        sample.gt_instances = InstanceData(
            bboxes=(corners * extent).to(device),
            labels=torch.randint(len(classes), (boxes,), generator=random).to(device),
        )
        samples.append(sample)
    noise = torch.rand(images, 3, height, width, generator=random)
    return noise.to(device), samples


def peak_of_step(
    model: Any,
    batch: tuple[Tensor, list[DetDataSample]],
    precision: AbstractContextManager[object],
) -> int | None:
    """Run one step without an optimizer and return the memory that training will take.

    Weights stay as they are, gradients are dropped and the random numbers are put back.

    Args:
        model: detector in training mode on a GPU.
        precision: the context in which training runs.

    Returns:
        Peak bytes with the optimizer's states and the gradients added, or None when the memory
        ran out.
    """

    def step() -> bool:
        with torch.random.fork_rng(devices=[torch.cuda.current_device()]):
            # Another process may be out of memory by now, and would never answer.
            with precision, averaging_alone(model.bbox_head):
                losses = model.loss(*batch)
            total, _ = model.parse_losses(losses)
            total.backward()
        return True

    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    try:
        fits = unless_memory_is_full(step)
    finally:
        model.zero_grad(set_to_none=True)
    if fits is None:
        return None
    return int(torch.cuda.max_memory_allocated()) + KEPT_NUMBERS * trained_bytes(model)


def usable_bytes(device: torch.device) -> int:
    """Return how many bytes this process may hold in all on a GPU that others may use too."""
    free, _ = torch.cuda.mem_get_info(device)
    return int((free + torch.cuda.memory_reserved(device)) * USABLE_SHARE)


def trained_bytes(model: nn.Module) -> int:
    """Return the bytes of the parameters that are trained."""
    return sum(p.numel() * p.element_size() for p in model.parameters() if p.requires_grad)
