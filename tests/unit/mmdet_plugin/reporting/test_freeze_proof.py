from typing import Any

import pytest
import torch
from torch import nn

from train_teacher.core.errors import UserError
from train_teacher.mmdet_plugin.lora.adapters import LoraOptions, inject_lora
from train_teacher.mmdet_plugin.reporting.freeze_proof import STEPS_TO_WAIT, TrainingProof


class Detector(nn.Module):
    """Two decoder layers that are called, and perhaps one that is not."""

    def __init__(self, *, idle: bool = False) -> None:
        super().__init__()
        self.decoder = nn.ModuleDict({"first": nn.Linear(4, 4), "second": nn.Linear(4, 4)})
        self.encoder = nn.ModuleDict()
        for part in ("layers", "text_layers", "fusion_layers"):
            self.encoder[part] = nn.ModuleList([nn.Linear(4, 4)])
        if idle:
            self.decoder["idle"] = nn.Linear(4, 4)

    def forward(self, x: Any) -> Any:
        for layer in (*self.decoder.values(), *(part[0] for part in self.encoder.values())):
            if layer is not getattr(self.decoder, "idle", None):
                x = layer(x)
        return x


def lora_detector(**options: bool) -> nn.Module:
    torch.manual_seed(0)
    model = Detector(**options)
    inject_lora(model, LoraOptions(rank=2))
    return model


def train(model: nn.Module, proof: TrainingProof, steps: int, told: list[str]) -> None:
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=1e-2, weight_decay=0.0)
    for _ in range(steps):
        optimizer.zero_grad()
        model(torch.rand(3, 4)).square().sum().backward()
        optimizer.step()
        proof.after_step(told.append)


def test_one_line_says_what_learned_and_what_stayed() -> None:
    model = lora_detector()
    proof = TrainingProof(model)
    told: list[str] = []
    train(model, proof, STEPS_TO_WAIT + 1, told)
    line = proof.conclude(model)
    assert "all 10 frozen tensors are bit-identical after training" in line
    assert "all 10 LoRA matrices had a gradient and moved" in line
    assert told == []


def test_after_one_step_the_first_factors_may_still_stand() -> None:
    model = lora_detector()
    proof = TrainingProof(model)
    train(model, proof, 1, [])
    assert "5 of 10 LoRA matrices had a gradient and moved" in proof.conclude(model)


def test_an_adapter_that_is_never_called_stops_the_run_at_its_first_step() -> None:
    model = lora_detector(idle=True)
    with pytest.raises(UserError, match=r"2 trainable tensors are not reached.*decoder\.idle"):
        train(model, TrainingProof(model), 1, [])


def test_an_adapter_with_zero_gradients_only_stops_the_run() -> None:
    model = lora_detector()
    model.get_parameter("decoder.first.lora_A.default.weight").data.zero_()
    proof = TrainingProof(model)
    with pytest.raises(UserError, match=r"only zero gradients in 20 steps.*decoder\.first"):
        train(model, proof, STEPS_TO_WAIT, [])


def test_without_adapters_a_part_that_is_not_reached_is_told_and_no_reason_to_stop() -> None:
    model = Detector(idle=True)
    model.encoder.requires_grad_(False)
    proof = TrainingProof(model)
    told: list[str] = []
    train(model, proof, STEPS_TO_WAIT + 1, told)
    assert "2 trainable tensors are not reached by any gradient, such as decoder.idle" in told[0]
    assert "4 of 6 trainable tensors had a gradient and moved" in proof.conclude(model)


def test_a_changed_base_tensor_is_found() -> None:
    model = lora_detector()
    proof = TrainingProof(model)
    weight = model.get_parameter("decoder.first.base_layer.weight")
    weight.data.view(torch.int32).view(-1)[0] ^= 1
    with pytest.raises(UserError, match=r"should be frozen changed, such as decoder\.first\.base"):
        proof.conclude(model)


def test_an_adapter_that_did_not_move_is_found() -> None:
    model = lora_detector()
    proof = TrainingProof(model)
    first = model.get_parameter("decoder.second.lora_B.default.weight")
    start = first.detach().clone()
    train(model, proof, STEPS_TO_WAIT, [])
    first.data.copy_(start)
    with pytest.raises(UserError, match=r"did not change in 20 steps, such as decoder\.second"):
        proof.conclude(model)


def part_that_joined(*, changed: bool) -> str:
    model = Detector()
    model.encoder.requires_grad_(False)
    proof = TrainingProof(model)
    train(model, proof, 2, [])
    if changed:
        model.get_parameter("encoder.layers.0.bias").data += 1
    model.encoder.requires_grad_(True)
    proof.take_in_joined(model)
    train(model, proof, 2, [])
    return proof.conclude(model)


def test_parts_that_join_are_proven_frozen_before_and_trained_after() -> None:
    told = part_that_joined(changed=False)
    assert told == "nothing was frozen; all 10 trainable tensors had a gradient and moved"
    with pytest.raises(UserError, match=r"should be frozen changed, such as encoder\.layers"):
        part_that_joined(changed=True)


def test_a_run_that_had_ended_already_claims_nothing() -> None:
    model = lora_detector()
    assert TrainingProof(model).conclude(model) == "no step was made, and nothing changed"
