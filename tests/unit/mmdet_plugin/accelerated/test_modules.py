"""Each exchanged module against the one of MMDetection or mmcv whose place it takes."""

from __future__ import annotations

import copy
import importlib
from importlib.util import find_spec
from typing import Any

import pytest
import torch
from torch import Tensor

importlib.import_module("train_teacher.mmdet_plugin")

# ruff: noqa: E402 - the path or the plugin comes first
from host_reads import HostReads
from mmcv.cnn.bricks.transformer import MultiheadAttention
from mmcv.ops import MultiScaleDeformableAttention
from mmdet.models.backbones.swin import ShiftWindowMSA
from mmdet.models.layers import CdnQueryGenerator
from mmdet.models.losses.focal_loss import py_sigmoid_focal_loss
from mmdet.models.utils.vlfuse_helper import BiMultiHeadAttention

from train_teacher.mmdet_plugin.accelerated import deformable_attention
from train_teacher.mmdet_plugin.accelerated.attention import (
    TeacherBiAttention,
    TeacherMultiheadAttention,
    TeacherShiftWindowMSA,
)
from train_teacher.mmdet_plugin.accelerated.denoising import TeacherQueryGenerator, denoising_mask
from train_teacher.mmdet_plugin.accelerated.focal_loss import focal_terms
from train_teacher.mmdet_plugin.accelerated.level_geometry import level_tensors
from train_teacher.mmdet_plugin.accelerated.precision import FullPrecisionSequential

CPU = torch.device("cpu")
SIZES = ((9, 7), (5, 4))
POINTS = sum(height * width for height, width in SIZES)


class SavedBytes:
    """Counts the bytes that autograd keeps for the way back, each storage once."""

    def __enter__(self) -> SavedBytes:
        self._storages: dict[int, int] = {}
        self._hooks = torch.autograd.graph.saved_tensors_hooks(self._pack, lambda kept: kept)
        self._hooks.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._hooks.__exit__(*error)
        self.total = sum(self._storages.values())

    def _pack(self, tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        self._storages[storage.data_ptr()] = storage.nbytes()
        return tensor


def compare(stock: torch.nn.Module, ours_class: type, inputs: dict[str, Any]) -> tuple[int, int]:
    """Check outputs and gradients of both and return the bytes that each keeps."""
    torch.manual_seed(0)
    for parameter in stock.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    ours = copy.deepcopy(stock)
    ours.__class__ = ours_class
    results, kept = [], []
    for module in (ours, stock):
        leaves = {
            name: value.clone().requires_grad_()
            if isinstance(value, Tensor) and value.is_floating_point()
            else value
            for name, value in inputs.items()
        }
        with SavedBytes() as saved:
            output = module(**leaves)
        outputs = output if isinstance(output, tuple) else (output,)
        sum((o * torch.linspace(-1, 1, o.numel()).view(o.shape)).sum() for o in outputs).backward()
        gradients = [p.grad for p in module.parameters()]
        gradients += [x.grad for x in leaves.values() if isinstance(x, Tensor) and x.requires_grad]
        results.append([*outputs, *gradients])
        kept.append(saved.total)
    for mine, theirs in zip(*results, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=2e-4, atol=2e-5)
    return kept[0], kept[1]


@pytest.mark.parametrize("boxes", [False, True])
def test_deformable_attention_computes_what_mmcv_computes(boxes: bool) -> None:
    torch.manual_seed(1)
    deformable_attention.backend_for(CPU)  # its self-check keeps tensors too
    stock = MultiScaleDeformableAttention(64, 4, 2, 4, dropout=0.0, batch_first=True)
    kept = compare(
        stock,
        deformable_attention.TeacherDeformableAttention,
        {
            "query": torch.randn(2, 6, 64),
            "value": torch.randn(2, POINTS, 64),
            "query_pos": torch.randn(2, 6, 64),
            "key_padding_mask": torch.rand(2, POINTS) > 0.8,
            "reference_points": torch.rand(2, 6, 2, 4 if boxes else 2),
            "spatial_shapes": level_tensors(SIZES, CPU)[0],
        },
    )
    assert kept[0] <= kept[1]


def test_deformable_attention_reads_nothing_from_the_device() -> None:
    module = MultiScaleDeformableAttention(64, 4, 2, 4, batch_first=True)
    module.__class__ = deformable_attention.TeacherDeformableAttention
    inputs = {
        "query": torch.randn(2, POINTS, 64),
        "reference_points": torch.rand(2, POINTS, 2, 2),
        "spatial_shapes": SIZES,
    }
    module(**inputs)
    with HostReads() as reads:
        module(**inputs)
    assert reads.total == 0


def test_our_sampling_is_chosen_and_a_wrong_one_would_not_be(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert deformable_attention.backend_for(CPU).name == "PyTorch, ours"

    def wrong(value: Tensor, sizes: Any, locations: Tensor, weights: Tensor) -> Tensor:
        shifted = locations + 0.01
        return deformable_attention.sample_with_pytorch(value, sizes, shifted, weights)

    assert not deformable_attention.agrees_with_reference(wrong, CPU)
    assert not deformable_attention.agrees_with_reference(
        deformable_attention.sample_with_mmcv, CPU
    )
    assert not deformable_attention.agrees_with_reference(
        deformable_attention.sample_with_deformops, CPU
    ) or find_spec("deformops")
    broken = deformable_attention.Backend("broken", wrong)
    monkeypatch.setattr(deformable_attention, "_candidates", lambda device: iter([broken]))
    deformable_attention._backend.cache_clear()
    assert deformable_attention.backend_for(CPU).name == "PyTorch, mmcv's"
    deformable_attention._backend.cache_clear()


@pytest.mark.parametrize("kind", ["self", "text", "phrases"])
def test_attention_without_weights_computes_the_same_and_keeps_less(kind: str) -> None:
    torch.manual_seed(1)
    queries, keys = 40, 40 if kind != "text" else 12
    inputs: dict[str, Any] = {
        "query": torch.randn(2, queries, 64),
        "key": torch.randn(2, keys, 64),
        "value": torch.randn(2, keys, 64),
        "query_pos": torch.randn(2, queries, 64),
    }
    if kind == "self":
        inputs["attn_mask"] = torch.rand(queries, keys) > 0.7
    if kind == "text":
        inputs["key_padding_mask"] = torch.arange(keys)[None] > torch.tensor([[5], [11]])
        inputs["key_pos"] = torch.randn(2, keys, 64)
    if kind == "phrases":
        inputs["attn_mask"] = ~torch.block_diag(*[torch.ones(8, 8)] * 5).bool().repeat(8, 1, 1)
    stock = MultiheadAttention(64, 4, batch_first=True)
    ours, theirs = compare(stock, TeacherMultiheadAttention, inputs)
    # A mask by head is as large as the weights that it saves.
    assert ours < theirs or kind == "phrases"


@pytest.mark.parametrize("padded", [False, True])
def test_image_text_attention_computes_the_same_and_keeps_half(padded: bool) -> None:
    torch.manual_seed(1)
    stock = BiMultiHeadAttention(32, 32, 64, 4, dropout=0.0)
    ours, theirs = compare(
        stock,
        TeacherBiAttention,
        {
            "vision": torch.randn(2, 300, 32),
            "lang": torch.randn(2, 40, 32),
            "attention_mask_v": torch.arange(300)[None] > torch.tensor([[250], [299]])
            if padded
            else None,
            "attention_mask_l": torch.arange(40)[None] > torch.tensor([[20], [39]]),
        },
    )
    assert ours < 0.7 * theirs


@pytest.mark.parametrize("shift", [0, 3])
@pytest.mark.parametrize("size", [(14, 21), (13, 9), (7, 7)])
def test_shifted_windows_compute_the_same(shift: int, size: tuple[int, int]) -> None:
    torch.manual_seed(1)
    query = torch.randn(2, size[0] * size[1], 16)
    compare(
        ShiftWindowMSA(16, 2, 7, shift_size=shift),
        TeacherShiftWindowMSA,
        {"query": query, "hw_shape": size},
    )


def test_the_focal_loss_and_its_gradient_are_mmdetections() -> None:
    torch.manual_seed(0)
    logits = (torch.randn(50, 7) * 8).double().requires_grad_()
    targets = (torch.rand(50, 7) > 0.7).double()
    ours = focal_terms(logits, targets, 2.0, 0.25)
    stock = py_sigmoid_focal_loss(logits, targets, reduction="none")
    torch.testing.assert_close(ours, stock)
    direction = torch.randn_like(ours)
    (mine,) = torch.autograd.grad(ours, logits, direction)
    (theirs,) = torch.autograd.grad(stock, logits, direction)
    torch.testing.assert_close(mine, theirs)


def test_the_focal_loss_stays_finite_far_out() -> None:
    logits = torch.tensor([-200.0, 200.0, -200.0, 200.0], requires_grad=True)
    terms = focal_terms(logits, torch.tensor([0.0, 0.0, 1.0, 1.0]), 2.0, 0.25)
    terms.sum().backward()
    assert torch.isfinite(terms).all()
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()


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


def test_box_branches_stay_in_32_bits_inside_a_bf16_step() -> None:
    branch = torch.nn.Sequential(torch.nn.Linear(8, 8), torch.nn.ReLU(), torch.nn.Linear(8, 4))
    features = torch.randn(3, 8)
    expected = branch(features)
    with torch.autocast("cpu", torch.bfloat16):
        assert branch(features).dtype == torch.bfloat16
        branch.__class__ = FullPrecisionSequential
        assert torch.equal(branch(features), expected)
