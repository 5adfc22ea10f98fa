"""Matching all layers and images at once against MMDetection's assigner, one image at a time."""

from __future__ import annotations

import importlib
from typing import Any

import pytest
import torch
from torch import Tensor

importlib.import_module("train_teacher.mmdet_plugin")

# ruff: noqa: E402 - the path or the plugin comes first
from mmdet.models.task_modules.assigners import HungarianAssigner
from mmdet.structures.bbox import bbox_overlaps
from mmengine.structures import InstanceData

from train_teacher.mmdet_plugin.accelerated import matching
from train_teacher.mmdet_plugin.accelerated.matching import (
    GroundTruth,
    MatchCosts,
    corners,
    cost_matrices,
    giou,
    match,
)

LAYERS, QUERIES, TOKENS, WIDTH = 3, 12, 7, 9
COSTS: tuple[dict[str, Any], ...] = (
    {"type": "BinaryFocalLossCost", "weight": 2.0},
    {"type": "BBoxL1Cost", "weight": 5.0, "box_format": "xywh"},
    {"type": "IoUCost", "iou_mode": "giou", "weight": 2.0},
)
COUNTS = [(3, 1), (0, 2), (0, 0), (1,), (5, 5, 4)]


def assigner(*costs: dict[str, Any]) -> HungarianAssigner:
    return HungarianAssigner([dict(cost) for cost in costs or COSTS])


def weights() -> MatchCosts:
    costs = MatchCosts.of(assigner())
    assert costs is not None
    return costs


def some_boxes(*shape: int) -> Tensor:
    return torch.rand(*shape, 4) * 0.4 + 0.1


def problem(counts: tuple[int, ...]) -> tuple[Tensor, Tensor, GroundTruth]:
    """Return logits, boxes and the truth of images of different sizes."""
    torch.manual_seed(sum(counts))
    images, total = len(counts), sum(counts)
    extents = torch.tensor([[100.0, 80, 100, 80], [64, 96, 64, 96], [33, 200, 33, 200]])
    tokens = torch.zeros(total, TOKENS)
    tokens[torch.arange(total), torch.arange(total) % TOKENS] = 1
    truth = GroundTruth(counts, some_boxes(total), extents[:images], tokens)
    logits = torch.randn(LAYERS, images, QUERIES, TOKENS)
    logits[:, -1, :, TOKENS - 1] = float("-inf")  # padding of a shorter prompt
    return logits, some_boxes(LAYERS, images, QUERIES), truth


def as_mmdet_matches(logits: Tensor, boxes: Tensor, truth: GroundTruth) -> set[tuple[int, ...]]:
    matches, first = set(), 0
    for image, count in enumerate(truth.counts):
        own = slice(first, first + count)
        width, height = truth.extents[image, :2].tolist()
        mask = torch.ones(count, TOKENS, dtype=torch.bool)
        mask[:, TOKENS - 1] = image != len(truth.counts) - 1
        wanted = InstanceData(
            bboxes=corners(truth.boxes[own]) * truth.extents[image],
            labels=torch.zeros(count, dtype=torch.long),
            positive_maps=truth.tokens[own],
            text_token_mask=mask,
        )
        for layer in range(LAYERS):
            found = InstanceData(
                scores=logits[layer, image],
                bboxes=corners(boxes[layer, image]) * truth.extents[image],
            )
            meta = {"img_shape": (int(height), int(width))}
            indices = assigner().assign(found, wanted, meta).gt_inds
            for query in indices.nonzero()[:, 0].tolist():
                matches.add((layer, image, query, first + int(indices[query]) - 1))
        first += count
    return matches


@pytest.mark.parametrize("counts", COUNTS)
def test_every_query_gets_the_box_that_mmdetection_gives_it(counts: tuple[int, ...]) -> None:
    logits, boxes, truth = problem(counts)
    found = match(logits, boxes, truth, weights())
    ours = list(zip(*(column.tolist() for column in vars(found).values()), strict=True))
    assert len(ours) == LAYERS * sum(counts)
    assert set(ours) == as_mmdet_matches(logits, boxes, truth)


def test_more_boxes_than_queries_leave_boxes_without_one() -> None:
    logits, boxes, truth = problem((QUERIES + 4,))
    found = match(logits, boxes, truth, weights())
    assert len(found.box) == LAYERS * QUERIES
    assert len(set(zip(found.layer.tolist(), found.box.tolist(), strict=True))) == len(found.box)


def test_costs_worked_out_layer_by_layer_are_those_worked_out_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    logits, boxes, truth = problem((5, 5, 4))
    at_once = cost_matrices(logits, boxes, truth, weights())
    monkeypatch.setattr(matching, "MAX_PAIRS", 1)
    assert torch.equal(cost_matrices(logits, boxes, truth, weights()), at_once)


def test_the_overlap_is_mmdetections_for_flat_and_distant_boxes_too() -> None:
    torch.manual_seed(0)
    first, second = corners(some_boxes(40)), corners(some_boxes(40))
    second[0] = first[0]
    second[1] += 5
    second[2, 2:] = second[2, :2]
    expected = bbox_overlaps(first, second, mode="giou", is_aligned=True)
    torch.testing.assert_close(giou(first, second), expected)
    assert float(giou(first[:1], first[:1])) == pytest.approx(1)


@pytest.mark.parametrize(
    "costs",
    [
        COSTS[:2],
        (*COSTS, COSTS[1]),
        (COSTS[0], {**COSTS[1], "box_format": "xyxy"}, COSTS[2]),
        (*COSTS[:2], {**COSTS[2], "iou_mode": "iou"}),
        ({"type": "FocalLossCost", "weight": 2.0}, *COSTS[1:]),
    ],
)
def test_an_assigner_with_any_other_cost_is_left_to_mmdetection(
    costs: tuple[dict[str, Any], ...],
) -> None:
    assert MatchCosts.of(assigner(*costs)) is None
    assert MatchCosts.of(object()) is None
