"""Matching of all layers and images of a batch with one transfer to the CPU and one back.

Costs are those of mmdet's match_cost.py; the assignment is scipy's, as in mmdet's
hungarian_assigner.py, which transfers once per image and layer (28 times for Swin-T and batch 4).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from mmdet.models.task_modules.assigners import (
    BBoxL1Cost,
    BinaryFocalLossCost,
    HungarianAssigner,
    IoUCost,
)
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from train_teacher.mmdet_plugin.accelerated.level_geometry import to_device

MAX_PAIRS = 4_000_000
"""(layer, image, query, box) pairs whose costs are computed at once: some 16 MB a tensor."""


@dataclass(frozen=True)
class GroundTruth:
    """Boxes of a batch, image after image."""

    counts: tuple[int, ...]
    """Boxes of each image."""
    boxes: Tensor
    """(boxes, 4): cx, cy, w, h in shares of the image."""
    extents: Tensor
    """(N, 4): width, height, width, height of the images."""
    tokens: Tensor
    """(boxes, tokens): 1 where a token belongs to the box's class."""


@dataclass(frozen=True)
class Matches:
    """Matches of queries and boxes, by layer and image; all (matches,) on the device."""

    layer: Tensor
    image: Tensor
    query: Tensor
    box: Tensor
    """Index into the boxes of the whole batch."""


@dataclass(frozen=True)
class MatchCosts:
    """Weights of the three costs of Grounding DINO, read from the config's assigner."""

    classification: float
    alpha: float
    gamma: float
    eps: float
    l1: float
    giou: float

    @classmethod
    def of(cls, assigner: Any) -> MatchCosts | None:
        """Return the weights, or None for an assigner with any other cost."""
        if type(assigner) is not HungarianAssigner:
            return None
        by_type: dict[type, Any] = {type(cost): cost for cost in assigner.match_costs}
        wanted = {BinaryFocalLossCost, BBoxL1Cost, IoUCost}
        if by_type.keys() != wanted or len(assigner.match_costs) != len(wanted):
            return None
        focal, l1, iou = by_type[BinaryFocalLossCost], by_type[BBoxL1Cost], by_type[IoUCost]
        if l1.box_format != "xywh" or iou.iou_mode != "giou":
            return None
        return cls(focal.weight, focal.alpha, focal.gamma, focal.eps, l1.weight, iou.weight)


def corners(boxes: Tensor) -> Tensor:
    """Turn (..., 4) center and size into corners."""
    centre, half = boxes[..., :2], boxes[..., 2:] * 0.5
    return torch.cat([centre - half, centre + half], dim=-1)


def giou(first: Tensor, second: Tensor, eps: float = 1e-6) -> Tensor:
    """Return the generalized IoU (Rezatofighi et al. 2019) of boxes that broadcast.

    Args:
        first: (..., 4) corners.
        second: (..., 4) corners.
        eps: smallest area that is divided by.

    Returns:
        (...) in [-1, 1].
    """

    def area(low: Tensor, high: Tensor) -> Tensor:
        extent = (high - low).clamp(min=0)
        return extent[..., 0] * extent[..., 1]

    inner = area(
        torch.maximum(first[..., :2], second[..., :2]),
        torch.minimum(first[..., 2:], second[..., 2:]),
    )
    outer = area(
        torch.minimum(first[..., :2], second[..., :2]),
        torch.maximum(first[..., 2:], second[..., 2:]),
    ).clamp(min=eps)

    def own(boxes: Tensor) -> Tensor:
        return (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])

    union = (own(first) + own(second) - inner).clamp(min=eps)
    return inner / union - (outer - union) / outer


def cost_matrices(logits: Tensor, boxes: Tensor, truth: GroundTruth, costs: MatchCosts) -> Tensor:
    """Return the matching cost of every query and box.

    Args:
        logits: (layers, N, queries, tokens), -inf where there is no token.
        boxes: (layers, N, queries, 4): cx, cy, w, h in shares of the image.

    Returns:
        (layers, N, queries, most boxes of an image); columns beyond an image's boxes mean nothing.
    """
    wanted_boxes = padded(truth.boxes, truth.counts)[None]
    wanted_tokens = padded(truth.tokens, truth.counts)[None]
    layers, images, queries, _ = boxes.shape
    pairs = images * queries * wanted_boxes.shape[2]
    step = max(1, MAX_PAIRS // max(1, pairs))
    extents = truth.extents[None, :, None]
    parts = []
    for start in range(0, layers, step):
        some = slice(start, start + step)
        parts.append(
            _classification(logits[some], wanted_tokens, costs)
            + costs.l1 * (boxes[some][..., None, :] - wanted_boxes[..., None, :, :]).abs().sum(-1)
            - costs.giou
            * giou(
                (corners(boxes[some]) * extents)[..., None, :],
                (corners(wanted_boxes) * extents)[..., None, :, :],
            )
        )
    return torch.cat(parts)


def _classification(logits: Tensor, wanted: Tensor, costs: MatchCosts) -> Tensor:
    probability = logits.sigmoid()
    # Both vanish where there is no token: -inf gives probability 0, and no box wants the token.
    negative = -(1 - probability + costs.eps).log() * (1 - costs.alpha)
    negative = negative * probability.pow(costs.gamma)
    positive = -(probability + costs.eps).log() * costs.alpha * (1 - probability).pow(costs.gamma)
    summed = (positive - negative) @ wanted.transpose(-1, -2) + negative.sum(-1, keepdim=True)
    weighted: Tensor = summed * costs.classification
    return weighted


def padded(rows: Tensor, counts: Sequence[int]) -> Tensor:
    """Return (N, most rows of an image, ...) from the rows of a batch, zeros behind the last."""
    return torch.nn.utils.rnn.pad_sequence(list(torch.split(rows, list(counts))), batch_first=True)


@torch.no_grad()
def match(logits: Tensor, boxes: Tensor, truth: GroundTruth, costs: MatchCosts) -> Matches:
    """Match queries and boxes one to one, in every layer and image.

    Args:
        logits: (layers, N, queries, tokens).
        boxes: (layers, N, queries, 4).
    """
    device = boxes.device
    if not sum(truth.counts):
        none = torch.zeros(0, dtype=torch.long, device=device)
        return Matches(none, none, none, none)
    matrices = cost_matrices(logits, boxes, truth, costs).cpu().numpy()
    columns: list[np.ndarray[Any, Any]] = []
    for layer, images in enumerate(matrices):
        first = 0
        for image, (matrix, count) in enumerate(zip(images, truth.counts, strict=True)):
            query, box = linear_sum_assignment(matrix[:, :count])
            place = np.full_like(query, layer), np.full_like(query, image)
            columns.append(np.stack([*place, query, box + first]))
            first += count
    found = to_device(torch.from_numpy(np.concatenate(columns, axis=1)), device)
    return Matches(*found.unbind(0))
