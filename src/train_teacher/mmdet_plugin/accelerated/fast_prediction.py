"""Boxes of a whole batch from the decoder's last layer, read from the device in one go.

mmdet computes logits and boxes of every decoder layer and keeps the last, averages the tokens of
each class in a copy of its own, image by image (atss_vlfusion_head.py:42), and reads every label
from the device twice to name it (grounding_dino.py:583).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import torch
from mmdet.models.layers import inverse_sigmoid
from mmdet.structures.bbox import bbox_cxcywh_to_xyxy
from mmengine.structures import InstanceData
from torch import Tensor

from train_teacher.mmdet_plugin.accelerated.level_geometry import image_extents, to_device

REMEMBERED_PROMPTS = 64

ClassTokens = tuple[tuple[int, ...], ...]
"""Places of a prompt's tokens, by class."""


def class_tokens(positive_map: Mapping[int, Sequence[int]]) -> ClassTokens:
    """Return the places of each class's tokens.

    Args:
        positive_map: mmdet's: places by label, counted from 1.
    """
    return tuple(tuple(positive_map[label]) for label in range(1, len(positive_map) + 1))


def predict_batch(
    head: Any,
    outputs: Mapping[str, Any],
    classes: ClassTokens,
    metas: Sequence[Mapping[str, Any]],
    rescale: bool,
) -> list[InstanceData]:
    """Return the detections of every image, best first, on the CPU.

    Args:
        head: Grounding DINO's head.
        outputs: `hidden_states` (layers, N, queries, channels), `references` by layer,
            `memory_text` and `text_token_mask`.
        classes: tokens of each class.
        metas: with `img_shape` and `scale_factor`, one per image.
        rescale: whether boxes are in pixels of the original image.

    Returns:
        `bboxes` (D, 4) xyxy, `scores` and `labels` (D,) of each image; D is the same for all.
    """
    last = len(outputs["hidden_states"]) - 1
    hidden = outputs["hidden_states"][last]
    logits = head.cls_branches[last](hidden, outputs["memory_text"], outputs["text_token_mask"])
    reference = inverse_sigmoid(outputs["references"][last])
    boxes = (head.reg_branches[last](hidden) + reference).sigmoid()
    scores = class_scores(logits.sigmoid(), classes)
    most = min(int(head.test_cfg.get("max_per_img", logits.shape[1])), scores[0].numel())
    best, places = scores.flatten(1).topk(most, dim=1)
    queries = (places // len(classes))[..., None].expand(-1, -1, 4)
    found = _in_pixels(boxes.gather(1, queries), metas, rescale)
    labels = (places % len(classes))[..., None]
    packed = torch.cat([found, best[..., None], labels.to(found.dtype)], dim=-1).cpu()
    return [
        InstanceData(bboxes=rows[:, :4], scores=rows[:, 4], labels=rows[:, 5].long())
        for rows in packed
    ]


def class_scores(scores: Tensor, classes: ClassTokens) -> Tensor:
    """Return the mean score of each class's tokens.

    A matrix product would be shorter, and in TF32 on a GPU good to three digits only.

    Args:
        scores: (N, queries, text width).
        classes: tokens of each class; none is without.

    Returns:
        (N, queries, classes).
    """
    places, present, counts = _gathering(classes, scores.device)
    return (scores[..., places] * present).sum(-1) / counts


@lru_cache(maxsize=REMEMBERED_PROMPTS)
def _gathering(classes: ClassTokens, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Return places and whether they count (classes, longest), and the tokens of each class."""
    counts = [len(tokens) for tokens in classes]
    longest = max(counts)
    places = [[*tokens, *[0] * (longest - len(tokens))] for tokens in classes]
    present = [[float(place < count) for place in range(longest)] for count in counts]
    return (
        to_device(torch.tensor(places), device),
        to_device(torch.tensor(present), device),
        to_device(torch.tensor(counts, dtype=torch.float32), device),
    )


def _in_pixels(boxes: Tensor, metas: Sequence[Mapping[str, Any]], rescale: bool) -> Tensor:
    """Turn (N, D, 4) normalised centre boxes into corners in pixels."""
    shapes = tuple((int(meta["img_shape"][0]), int(meta["img_shape"][1])) for meta in metas)
    extents = image_extents(shapes, boxes.device)[:, None]
    corners: Tensor = bbox_cxcywh_to_xyxy(boxes) * extents
    corners = torch.minimum(corners.clamp(min=0), extents)
    if not rescale:
        return corners
    factors = torch.tensor([[*meta["scale_factor"]] * 2 for meta in metas], dtype=boxes.dtype)
    return corners / to_device(factors, boxes.device)[:, None]
