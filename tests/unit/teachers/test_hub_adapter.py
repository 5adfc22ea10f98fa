"""An adapter trained here computes the same in PEFT on transformers' base."""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
import torch

from hub_model import build_small, bundle_of, perturb
from train_teacher.core.errors import UserError
from train_teacher.hub.geometry import DELIMITERS, transformers_config
from train_teacher.mmdet_plugin.lora.adapters import LoraOptions, inject_lora
from train_teacher.teachers.adapter_folder import fill_adapter
from train_teacher.teachers.hub_adapter import rename_adapter
from train_teacher.teachers.hub_bundle import fill_hub_adapter
from train_teacher.teachers.hub_comparison import compare_outputs


@pytest.mark.parametrize("half", [False, True])
def test_peft_loads_it_on_transformers_base_with_the_same_outputs(
    tmp_path: Path, half: bool
) -> None:
    bundle = bundle_of(tmp_path / "small")
    detector = bundle.detector
    base = {name: tensor.clone() for name, tensor in detector.state_dict().items()}
    torch.save({"state_dict": base}, tmp_path / "base.pth")
    bundle = replace(bundle, model={**bundle.model, "base_checkpoint": str(tmp_path / "base.pth")})
    inject_lora(detector, LoraOptions(rank=4), ("backbone", "language_model"))
    perturb(torch.nn.ParameterList([p for p in detector.parameters() if p.requires_grad]))
    checkpoint = tmp_path / "best.pth"
    torch.save({"state_dict": detector.state_dict(), "meta": {}}, checkpoint)
    out = tmp_path / "out"
    out.mkdir()
    # It refuses what differs by more than 0.0001.
    card = fill_hub_adapter(out, bundle, checkpoint, half=half)
    assert card.captions
    bert = msgspec.json.decode((bundle.language_model / "config.json").read_bytes())
    config = transformers_config(bundle.model, bert, DELIMITERS)
    plain = load_renamed_base(base, config)
    assert compare_outputs(detector, plain, torch.randn(1, 3, 160, 160), "cat. ").scores > 1e-3
    targets = json.loads((out / "adapter_config.json").read_text())["target_modules"]
    assert "model.encoder.layers.0.deformable_layer.fc1" in targets


def load_renamed_base(base: dict[str, torch.Tensor], config: dict[str, object]) -> object:
    from transformers import MMGroundingDinoConfig, MMGroundingDinoForObjectDetection

    from train_teacher.hub.tensors import transformers_tensors

    twin = MMGroundingDinoForObjectDetection(MMGroundingDinoConfig(**deepcopy(config)))
    twin.load_state_dict(transformers_tensors(base)[0])
    return twin.eval()


def test_an_adapter_on_a_layer_that_is_three_there_is_refused(tmp_path: Path) -> None:
    card = bundle_of(tmp_path / "card").card
    _, detector = build_small(tmp_path / "small")
    base = dict(detector.state_dict())
    inject_lora(detector, LoraOptions(rank=4, targets=("backbone",)))
    checkpoint = tmp_path / "best.pth"
    torch.save({"state_dict": detector.state_dict(), "meta": {}}, checkpoint)
    fill_adapter(tmp_path, detector, checkpoint, card)
    with pytest.raises(UserError, match=r"qkv.*is no single layer in transformers"):
        rename_adapter(tmp_path, base, card)
