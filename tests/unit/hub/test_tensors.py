"""Weights that go to transformers and back are the same, and compute the same on both sides."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from demo_model import DEMO_BASE, build_model, make_settings
from hub_model import build_small, perturb
from train_teacher.hub.geometry import transformers_config
from train_teacher.hub.names import UNPAIRED, layout_of_mmdet, to_mmdet, to_transformers
from train_teacher.hub.tensors import mmdet_tensors, transformers_tensors
from train_teacher.teachers.hub_comparison import compare_outputs

PROMPTS = ("cat", "red circle", "small green triangle left of a dark door")


def hub_model(settings: Any, model: torch.nn.Module, tensors: Any) -> Any:
    from transformers import MMGroundingDinoConfig, MMGroundingDinoForObjectDetection

    from demo_model import build_config

    bert = json.loads((Path(settings.language_model) / "config.json").read_text())
    tokens = model.language_model.tokenizer.get_vocab()  # type: ignore[union-attr, operator]
    config = transformers_config(build_config(settings).model.to_dict(), bert, tokens)
    with torch.device("meta"):
        twin = MMGroundingDinoForObjectDetection(MMGroundingDinoConfig(**config))
    outcome = twin.load_state_dict(tensors, strict=False, assign=True)
    assert not outcome.unexpected_keys
    assert not outcome.missing_keys
    for module in twin.modules():
        for name, buffer in list(module.named_buffers(recurse=False)):
            if buffer.is_meta:  # BERT's positions are counted, not saved
                value = torch.arange(buffer.numel()).reshape(buffer.shape)
                module.register_buffer(name, value if name == "position_ids" else 0 * value, False)
    return twin.eval()


@pytest.mark.parametrize("levels", [3, 5])
def test_every_tensor_comes_back_bit_for_bit(tmp_path: Path, levels: int) -> None:
    _, model = build_small(tmp_path, levels)
    weights = model.state_dict()
    there, unplaced = transformers_tensors(weights)
    assert set(unplaced) == UNPAIRED
    back, foreign = mmdet_tensors(there)
    assert not foreign
    assert back.keys() == weights.keys() - UNPAIRED
    assert all(torch.equal(back[name], weights[name]) for name in back)


def test_an_adapters_layers_have_names_there_and_back(tmp_path: Path) -> None:
    _, model = build_small(tmp_path)
    layout = layout_of_mmdet(model.state_dict())
    for name, module in model.named_modules():
        places = to_transformers(f"{name}.lora_A.weight", layout)
        if isinstance(module, torch.nn.Linear) and not name.startswith("dn_query") and places:
            back = to_mmdet(places[0].name, layout)
            assert back is not None
            assert back.name == f"{name}.lora_A.weight"


@pytest.mark.parametrize("levels", [3, 5])
@pytest.mark.parametrize("size", [(160, 160), (128, 192)])
def test_both_models_compute_the_same(tmp_path: Path, levels: int, size: tuple[int, int]) -> None:
    settings, model = build_small(tmp_path, levels)
    twin = hub_model(settings, model, transformers_tensors(model.state_dict())[0])
    for count in (1, len(PROMPTS)):
        assert_equal(model, twin, torch.randn(1, 3, *size), PROMPTS[:count])


def test_swin_t_comes_back_and_computes_the_same(tmp_path: Path) -> None:
    from transformers import BertConfig

    folder = tmp_path / "language_model"
    shutil.copytree(DEMO_BASE.parent / "language_model", folder)
    BertConfig(vocab_size=1030, num_hidden_layers=2).save_pretrained(folder)
    settings = make_settings("swin-t", language_model=str(folder), tune="full")
    model = perturb(build_model(settings)).eval()
    there, _ = transformers_tensors(model.state_dict())
    back, _ = mmdet_tensors(there)
    assert all(torch.equal(back[name], tensor) for name, tensor in model.state_dict().items()
               if name not in UNPAIRED)  # fmt: skip
    del back
    assert_equal(model, hub_model(settings, model, there), torch.randn(1, 3, 256, 224), PROMPTS)


def assert_equal(model: Any, twin: Any, pixels: torch.Tensor, names: tuple[str, ...]) -> None:
    found = compare_outputs(model, twin, pixels, "".join(f"{name}. " for name in names))
    assert found.largest[0] < 1e-5, found


def test_another_model_is_told_by_its_outputs(tmp_path: Path) -> None:
    settings, model = build_small(tmp_path)
    twin = hub_model(settings, model, transformers_tensors(model.state_dict())[0])
    pixels = torch.randn(1, 3, 160, 160)
    with torch.no_grad():
        twin.model.decoder.layers[0].encoder_attn_text.query.bias.add_(0.5)
    found = compare_outputs(model, twin, pixels, "cat. red circle. ")
    assert found.proposals < 1e-5
    assert found.scores > 1e-4
    norm = twin.model.enc_output_norm  # whose tensors are the detector's own
    norm.weight = torch.nn.Parameter(1.5 * norm.weight)
    assert compare_outputs(model, twin, pixels, "cat. ").proposals > 1e-4
