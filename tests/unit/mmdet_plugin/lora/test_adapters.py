from typing import Any

import pytest
import torch
from torch import nn

from demo_model import DEMO_BASE, build_model, demo_batch, make_settings
from train_teacher.core.errors import UserError
from train_teacher.mmdet_plugin.lora.adapters import (
    LoraOptions,
    describe_lora,
    inject_lora,
    is_lora_parameter,
    merge_adapters,
    options_from,
    without_adapters,
)
from train_teacher.mmdet_plugin.reporting.freeze_proof import parameter_digests

FROZEN = ("backbone", "language_model")


def lora_model(**values: Any) -> nn.Module:
    torch.manual_seed(0)
    model: nn.Module = build_model(make_settings(weights=str(DEMO_BASE), tune="lora", **values))
    return model


@pytest.fixture(scope="module")
def plain() -> nn.Module:
    model: nn.Module = build_model(make_settings(weights=str(DEMO_BASE)))
    return model


def train(model: Any, steps: int) -> list[set[str]]:
    """Train and return, by step, the names of the tensors whose gradient was not all zero."""
    torch.manual_seed(0)
    inputs, samples = demo_batch(model)
    trainable = {name: p for name, p in model.named_parameters() if p.requires_grad}
    optimizer = torch.optim.AdamW(trainable.values(), lr=1e-3)
    reached = []
    model.train()
    for _ in range(steps):
        losses = model.loss(inputs, samples)
        optimizer.zero_grad()
        sum(value for key, value in losses.items() if "loss" in key).backward()
        reached.append({n for n, p in trainable.items() if p.grad is not None and p.grad.any()})
        optimizer.step()
    return reached


def outputs(model: Any) -> list[torch.Tensor]:
    torch.manual_seed(1)
    inputs, samples = demo_batch(model)
    model.eval()
    with torch.no_grad():
        results = model.predict(inputs, samples)
    found = [r.pred_instances for r in results]
    return [tensor for f in found for tensor in (f.scores, f.bboxes)]


def test_untrained_adapters_leave_the_outputs_of_the_base(plain: nn.Module) -> None:
    for ours, base in zip(outputs(lora_model()), outputs(plain), strict=True):
        assert torch.allclose(ours, base, atol=1e-4)


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"lora_dora": True},
        {"lora_rslora": True, "lora_dropout": 0.1, "lora_rank": 4},
        {"lora_targets": ["decoder", "attention", "backbone", "language_model"]},
    ],
    ids=["default", "dora", "rslora", "all kinds"],
)
def test_every_adapter_and_full_module_learns_and_no_base_tensor_moves(
    values: dict[str, Any],
) -> None:
    model = lora_model(**values)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    base = parameter_digests(model, trainable=False)
    trainable = {name for name, p in model.named_parameters() if p.requires_grad}
    reached = train(model, steps=3)
    first_factors = {name for name in trainable if ".lora_A." in name}
    # While B is zero, A has a zero gradient: it learns from the second step on.
    assert trainable - first_factors <= reached[0] | reached[1]
    assert reached[0] | reached[1] | reached[2] == trainable
    assert parameter_digests(model, trainable=False) == base
    unmoved = [n for n in trainable if torch.equal(model.get_parameter(n), before[n])]
    assert unmoved == []


def test_a_frozen_part_gets_no_adapters() -> None:
    model = lora_model(freeze=["encoder"])
    adapted = [name for name, _ in model.named_parameters() if is_lora_parameter(name)]
    assert adapted
    assert all(name.startswith("decoder.") for name in adapted)


def test_dora_on_attention_is_refused() -> None:
    with pytest.raises(UserError, match="no DoRA for"):
        lora_model(lora_dora=True, lora_targets=["attention"])


def test_an_unknown_option_is_refused() -> None:
    with pytest.raises(UserError, match="'rnak'"):
        options_from({"rnak": 4})


def test_adapters_on_a_language_model_without_weights_are_refused() -> None:
    settings = make_settings(weights="none", tune="lora", lora_targets=["language_model"])
    with pytest.raises(UserError, match="has no weights"):
        build_model(settings)


def test_the_line_about_the_adapters_counts_them() -> None:
    model = lora_model(lora_rank=4)
    line = describe_lora(model)
    count = sum(is_lora_parameter(name) for name, _ in model.named_parameters())
    assert line.startswith(f"LoRA of rank 4, alpha 8: {count} matrices")


@pytest.mark.parametrize("targets", [(), ("decoder", "attention")])
def test_switched_off_adapters_give_the_base_bit_for_bit_and_merged_ones_themselves(
    targets: tuple[str, ...],
) -> None:
    model = build_model(make_settings(weights=str(DEMO_BASE)))
    # PyTorch multiplies matrices in another order for weights that require a gradient
    # (should_fold in LinearAlgebra.cpp), which changes the last bit.
    model.requires_grad_(False)
    base, names = outputs(model), set(model.state_dict())
    inject_lora(model, LoraOptions(rank=4, targets=targets), FROZEN)
    train(model, steps=2)
    trained = outputs(model)
    trainable = {name for name, p in model.named_parameters() if p.requires_grad}
    with without_adapters(model):
        assert all(torch.equal(a, b) for a, b in zip(outputs(model), base, strict=True))
    assert {name for name, p in model.named_parameters() if p.requires_grad} == trainable
    assert all(torch.equal(a, b) for a, b in zip(outputs(model), trained, strict=True))
    merge_adapters(model)
    assert set(model.state_dict()) == names
    for merged, adapted in zip(outputs(model), trained, strict=True):
        assert torch.allclose(merged, adapted, atol=1e-5, rtol=1e-5)
