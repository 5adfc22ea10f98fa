"""The faster adapted linear layer against PEFT's own."""

from __future__ import annotations

import copy
from contextlib import nullcontext
from typing import Any

import pytest
import torch
from peft import LoraConfig, inject_adapter_in_model
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from train_teacher.mmdet_plugin.accelerated.lora_linear import (
    TeacherLoraLinear,
    add_adapters_within_products,
)
from train_teacher.mmdet_plugin.lora.adapters import without_adapters


class WideElements(TorchDispatchMode):
    """Counts the elements written by operations that are no matrix product and no view."""

    total = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        name = func.overloadpacket.__name__
        if name in {"add", "add_", "mul", "mul_", "copy_", "clone", "fill_"}:
            self.total += result.numel()
        return result


def pair(bias: bool = True, **options: Any) -> tuple[nn.Sequential, nn.Sequential]:
    """Return PEFT's model and ours, with the same adapter that is not at its start."""
    torch.manual_seed(0)
    plain = nn.Sequential(nn.Linear(24, 40, bias=bias), nn.ReLU(), nn.Linear(40, 16))
    config = LoraConfig(r=4, lora_alpha=6, target_modules=["0", "2"], **options)
    inject_adapter_in_model(config, plain)
    for name, parameter in plain.named_parameters():
        if "lora_B" in name:
            nn.init.normal_(parameter, std=0.3)
    ours = copy.deepcopy(plain)
    add_adapters_within_products(ours)
    return plain, ours


def results(model: nn.Module, inputs: Tensor, context: Any) -> list[Tensor]:
    inputs = inputs.clone().requires_grad_()
    with context:
        output = model(inputs)
    (output.float() * torch.linspace(-1, 1, output.numel()).view(output.shape)).sum().backward()
    trained = [p.grad for p in model.parameters() if p.requires_grad]
    assert all(p.grad is None for p in model.parameters() if not p.requires_grad)
    assert inputs.grad is not None
    return [output, inputs.grad, *(gradient for gradient in trained if gradient is not None)]


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(3, 7, 24), (5, 24)])
def test_outputs_and_gradients_are_those_of_peft(shape: tuple[int, ...], bias: bool) -> None:
    plain, ours = pair(bias)
    torch.manual_seed(1)
    inputs = torch.randn(shape)
    expected, found = results(plain, inputs, nullcontext()), results(ours, inputs, nullcontext())
    assert len(found) == len(expected) == 6
    for mine, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=1e-6)


def test_in_bf16_it_is_as_close_to_32_bits_as_peft_is() -> None:
    # One layer: behind a ReLU rounding may turn a gradient on or off.
    plain, ours = (model[0] for model in pair())
    torch.manual_seed(1)
    inputs = torch.randn(30, 7, 24)
    exact = results(plain, inputs, nullcontext())
    plain.zero_grad()
    half = torch.autocast("cpu", torch.bfloat16)
    theirs, mine = results(plain, inputs, half), results(ours, inputs, half)
    assert mine[0].dtype == theirs[0].dtype == torch.bfloat16
    for value, other, truth in zip(mine, theirs, exact, strict=True):
        error, allowed = (value.float() - truth).norm(), (other.float() - truth).norm()
        assert error <= 1.5 * allowed + 1e-6 * truth.norm()


def test_no_pass_over_the_wide_output_is_made_for_the_adapter() -> None:
    plain, ours = pair()
    written = WideElements()
    inputs = torch.randn(200, 24)
    counts = []
    for model in (plain, ours):
        written.total = 0
        with written, torch.no_grad():
            model(inputs)
        counts.append(written.total)
    assert counts[0] >= 2 * 200 * (40 + 16)
    assert counts[1] == 2 * 200 * 4


@pytest.mark.parametrize("options", [{"lora_dropout": 0.5}, {"use_dora": True}])
def test_what_is_not_plain_lora_goes_pefts_own_way(options: dict[str, Any]) -> None:
    plain, ours = pair(**options)
    inputs = torch.randn(5, 24)
    outputs = []
    for model in (plain, ours):
        torch.manual_seed(3)
        outputs.append(model(inputs))
    assert torch.equal(*outputs)


def test_switched_off_and_merged_it_is_still_pefts_layer() -> None:
    plain, ours = pair()
    inputs = torch.randn(5, 24)
    adapted = ours(inputs)
    with without_adapters(ours), without_adapters(plain):
        assert torch.equal(ours(inputs), plain(inputs))
    layer = ours[0]
    assert isinstance(layer, TeacherLoraLinear)
    layer.merge()
    torch.testing.assert_close(ours(inputs), adapted)
    layer.unmerge()
    torch.testing.assert_close(ours(inputs), adapted)
