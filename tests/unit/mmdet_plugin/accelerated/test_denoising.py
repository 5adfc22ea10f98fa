"""Denoising queries against MMDetection's."""

from __future__ import annotations

import copy
import importlib

import pytest
import torch

importlib.import_module("train_teacher.mmdet_plugin")

# ruff: noqa: E402 - the path or the plugin comes first
from mmdet.models.layers import CdnQueryGenerator
from mmdet.structures import DetDataSample
from mmengine.structures import InstanceData

from train_teacher.mmdet_plugin.accelerated.denoising import TeacherQueryGenerator, denoising_mask

CPU = torch.device("cpu")


def generator(noise: float = 0.5) -> CdnQueryGenerator:
    stock = CdnQueryGenerator(256, 8, 10, noise, group_cfg={"dynamic": True, "num_dn_queries": 20})
    stock.__class__ = TeacherQueryGenerator
    return stock


def test_a_quarter_of_the_denoising_labels_is_random_and_spread_over_all_classes() -> None:
    torch.manual_seed(0)
    queries = generator()
    queries.label_embedding.weight.data = torch.arange(256.0)[:, None].expand(256, 8).contiguous()
    labels = queries.generate_dn_label_query(torch.full((100_000,), 300 - 50), 1)[:, 0]
    changed = labels[labels != 250]
    assert len(changed) / len(labels) == pytest.approx(0.25 * 255 / 256, abs=5e-3)
    counts = torch.bincount(changed.long(), minlength=256).float()
    counts = torch.cat([counts[:250], counts[251:]])
    expected = len(changed) / 255
    assert float(((counts - expected) ** 2 / expected).sum()) < 350  # chi square, 254 degrees


@pytest.mark.parametrize(("boxes", "groups"), [(3, 4), (1, 1), (0, 1), (7, 2)])
def test_the_denoising_mask_is_mmdetections(boxes: int, groups: int) -> None:
    stock = CdnQueryGenerator(4, 8, 10, group_cfg={"dynamic": True, "num_dn_queries": 20})
    expected = stock.generate_dn_mask(boxes, groups, "cpu")
    assert torch.equal(denoising_mask(boxes, groups, 10, CPU), expected)


def samples_of(counts: tuple[int, ...]) -> list[DetDataSample]:
    samples = []
    for number, count in enumerate(counts):
        sample = DetDataSample(metainfo={"img_shape": (40 + 8 * number, 64)})
        low = torch.rand(count, 2) * 20
        sample.gt_instances = InstanceData(
            bboxes=torch.cat([low, low + 15], dim=1), labels=torch.arange(count)
        )
        samples.append(sample)
    return samples


@pytest.mark.parametrize("counts", [(3, 3), (5, 1), (1,), (0, 2), (0, 0)])
def test_the_queries_of_a_batch_are_mmdetections(counts: tuple[int, ...]) -> None:
    ours = generator(noise=1e-12)  # mmdet draws labels for those that are exchanged, we do not
    stock = copy.deepcopy(ours)
    stock.__class__ = CdnQueryGenerator
    samples = samples_of(counts)
    results = []
    for queries in (ours, stock):
        torch.manual_seed(3)  # of the boxes' noise
        results.append(queries(samples))
    (*tensors, meta), (*expected, expected_meta) = results
    assert meta == expected_meta
    for mine, theirs in zip(tensors, expected, strict=True):
        torch.testing.assert_close(mine, theirs)
