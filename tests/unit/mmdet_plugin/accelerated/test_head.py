"""Losses of all layers at once against MMDetection's own head, on predictions made by hand."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor

from demo_model import DEMO_BASE, build_model, make_settings

LAYERS, QUERIES, GROUPS = 2, 11, 3
SHAPES = ((48, 64), (50, 30))


@pytest.fixture(scope="module")
def ours() -> Any:
    head = build_model(make_settings(weights=str(DEMO_BASE))).bbox_head
    assert type(head).__name__ == "TeacherGroundingDINOHead"
    return head


@pytest.fixture(scope="module")
def stock(ours: Any) -> Any:
    from mmdet.models.dense_heads import GroundingDINOHead

    head = copy.deepcopy(ours)
    head.__class__ = GroundingDINOHead
    return head


def losses_of(head: Any, counts: tuple[int, ...]) -> tuple[dict[str, Tensor], list[Tensor]]:
    """Return the losses on random predictions, and the gradients of the predictions."""
    from mmengine.structures import InstanceData

    torch.manual_seed(4)
    width, words = head.max_text_len, 6
    first = max(counts) * 2 * GROUPS
    present = torch.zeros(2, width, dtype=torch.bool)
    present[0, :words] = present[1, : words - 2] = True
    head.text_masks = present
    truth = []
    for image, count in enumerate(counts):
        low = torch.rand(count, 2) * 12
        tokens = torch.zeros(count, width)
        tokens[torch.arange(count), torch.arange(count) % (words - 2)] = 1
        truth.append(
            InstanceData(
                bboxes=torch.cat([low, low + torch.rand(count, 2) * 14 + 2], dim=1),
                labels=torch.arange(count) % 2,
                positive_maps=tokens,
                text_token_mask=present[image].expand(count, -1),
            )
        )
    leaves = [
        torch.randn(LAYERS, 2, first + QUERIES, width),
        torch.rand(LAYERS, 2, first + QUERIES, 4) * 0.5 + 0.2,
        torch.randn(2, QUERIES, width),
        torch.rand(2, QUERIES, 4) * 0.5 + 0.2,
    ]
    leaves = [leaf.requires_grad_() for leaf in leaves]
    absent = ~present[:, None]
    scores = [leaves[n].masked_fill(absent, float("-inf")) for n in (0, 2)]
    losses = head.loss_by_feat(
        scores[0],
        leaves[1],
        scores[1],
        leaves[3],
        truth,
        [{"img_shape": shape} for shape in SHAPES],
        {"num_denoising_queries": first, "num_denoising_groups": GROUPS},
    )
    sum(loss.sum() for loss in losses.values()).backward()
    return losses, [leaf.grad for leaf in leaves if leaf.grad is not None]


@pytest.mark.parametrize("counts", [(3, 3), (4, 1), (0, 2)])
def test_losses_and_their_gradients_are_mmdetections(
    ours: Any, stock: Any, counts: tuple[int, ...]
) -> None:
    mine, theirs = losses_of(ours, counts), losses_of(stock, counts)
    assert list(mine[0]) == list(theirs[0])
    for name, loss in mine[0].items():
        torch.testing.assert_close(
            loss.mean(), theirs[0][name].mean(), rtol=1e-4, atol=1e-5, msg=name
        )
    for own, expected in zip(mine[1], theirs[1], strict=True):
        torch.testing.assert_close(own, expected, rtol=1e-3, atol=1e-6)


def test_losses_are_divided_by_the_objects_and_without_one_by_one(ours: Any) -> None:
    assert ours.averages(0, torch.device("cpu")) == (1.0, 1.0)
    assert ours.averages(7, torch.device("cpu")) == (7.0, 7.0)


def test_another_loss_than_the_recipes_takes_mmdetections_own_way(ours: Any) -> None:
    assert ours._costs() is not None
    changed = copy.deepcopy(ours)
    changed.loss_bbox.reduction = "sum"
    assert changed._costs() is None
