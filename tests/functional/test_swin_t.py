"""The default preset at full size: 173 M parameters, one training step and its files, on CPU."""

from __future__ import annotations

import gc
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import save

from demo_model import DEMO_BASE, build_config, build_model, demo_batch, make_settings
from train_teacher.mmdet_plugin.hooks import frozen_hashes
from train_teacher.mmdet_plugin.lora import adapter_tensors

FROZEN = ("backbone.", "language_model.")


@pytest.fixture
def bert_base(tmp_path: Path) -> Iterator[Path]:
    """Write a BERT-base with random weights (half precision: 219 MB) and the demo's vocabulary."""
    from transformers import BertConfig, BertModel

    folder = tmp_path / "bert"
    shutil.copytree(DEMO_BASE.parent / "language_model", folder)
    BertModel(BertConfig(), add_pooling_layer=False).half().save_pretrained(folder)
    yield folder
    shutil.rmtree(folder)
    gc.collect()


def test_a_training_step_leaves_backbone_and_language_model_untouched(bert_base: Path) -> None:
    from mmengine.optim import build_optim_wrapper

    torch.manual_seed(0)
    settings = make_settings("swin-t", language_model=str(bert_base))
    model = build_model(settings)
    model.init_weights()
    assert 170e6 < sum(p.numel() for p in model.parameters()) < 176e6
    wrapper = build_optim_wrapper(model, build_config(settings).optim_wrapper)
    optimized = {id(p) for group in wrapper.param_groups for p in group["params"]}
    before = frozen_hashes(model)
    decoder = model.decoder.layers[0].ffn.layers[1].weight.detach().clone()
    model.train()
    inputs, samples = demo_batch(model, size=256)
    losses = model.loss(inputs, samples)
    wrapper.update_params(sum(v for k, v in losses.items() if "loss" in k))

    assert frozen_hashes(model) == before
    assert len(before) > 300
    for name, parameter in model.named_parameters():
        if name.startswith(FROZEN):
            assert parameter.grad is None, name
            assert id(parameter) not in optimized, name
    assert not torch.equal(model.decoder.layers[0].ffn.layers[1].weight, decoder)


def test_the_adapter_and_the_checkpoints_are_small(tmp_path: Path) -> None:
    from transformers import BertConfig

    shutil.copytree(DEMO_BASE.parent / "language_model", tmp_path / "bert")
    BertConfig().save_pretrained(tmp_path / "bert")
    own = {"model.language_model.own_weights": "never"}
    models = {
        tune: build_model(
            make_settings("swin-t", language_model=str(tmp_path / "bert"), tune=tune, set=own)
        )
        for tune in ("frozen", "lora")
    }
    everything = sum(p.numel() for p in models["frozen"].parameters())
    trained = {
        tune: sum(p.numel() for p in model.parameters() if p.requires_grad)
        for tune, model in models.items()
    }
    assert trained["lora"] < 0.03 * everything
    # Four bytes a number; AdamW keeps two more of each in last.pth.
    assert 3 * 4 * trained["lora"] < 60e6
    assert 3 * 4 * trained["frozen"] < 450e6
    adapter = adapter_tensors(models["lora"], models["lora"].state_dict())
    assert sum(t.numel() for t in adapter.values()) == trained["lora"]
    assert len(save({name: t.contiguous() for name, t in adapter.items()})) < 19e6
    assert len(save({name: t.half() for name, t in adapter.items()})) < 10e6
