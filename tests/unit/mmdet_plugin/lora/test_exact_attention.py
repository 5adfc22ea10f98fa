from __future__ import annotations

import pytest
import torch
from peft import LoraConfig, inject_adapter_in_model
from torch import Tensor, nn

from train_teacher.mmdet_plugin.lora.exact_attention import keep_base_exact

INPUTS = torch.rand(5, 2, 8)


class Block(nn.Module):
    """An attention as Grounding DINO's layers hold one."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.attention(inputs, inputs, inputs)[0]


@pytest.fixture
def adapted() -> nn.Module:
    torch.manual_seed(0)
    block = inject_adapter_in_model(LoraConfig(target_modules=["attention"]), Block())
    for name, parameter in block.named_parameters():
        if ".lora_" in name:
            nn.init.normal_(parameter)
    keep_base_exact(block)
    return block


def base_of(block: nn.Module) -> list[nn.Parameter]:
    """Return the weights; PEFT's named_parameters would recreate them."""
    attention = block.get_submodule("attention.base_layer")
    return [
        attention.get_parameter("in_proj_weight"),
        attention.get_parameter("out_proj.base_layer.weight"),
    ]


def test_the_base_stays_the_same_parameter_bit_for_bit(adapted: nn.Module) -> None:
    before = base_of(adapted)
    copies = [parameter.detach().clone() for parameter in before]
    for _ in range(3):
        adapted(INPUTS).sum().backward()

    assert all(now is then for now, then in zip(base_of(adapted), before, strict=True))
    assert all(torch.equal(now, copy) for now, copy in zip(before, copies, strict=True))


def test_the_adapter_still_acts_and_learns(adapted: nn.Module) -> None:
    adapted(INPUTS).sum().backward()
    factors = [p for name, p in adapted.named_parameters() if ".lora_" in name]

    assert all(p.grad is not None and p.grad.any() for p in factors)
    with torch.no_grad():
        acting = adapted(INPUTS)
        for parameter in factors:
            parameter.zero_()
        assert not torch.allclose(adapted(INPUTS), acting)


def test_a_forward_that_fails_leaves_the_base_in_place(adapted: nn.Module) -> None:
    before = base_of(adapted)
    with pytest.raises((RuntimeError, AssertionError)):
        adapted(torch.rand(5, 2, 7))

    assert all(now is then for now, then in zip(base_of(adapted), before, strict=True))
