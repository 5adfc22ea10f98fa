"""The default preset at full size: 173 M parameters, one training step and its files, on CPU."""

from __future__ import annotations

import gc
import importlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save

from demo_model import (
    DEMO_BASE,
    build_config,
    build_model,
    demo_batch,
    make_info,
    make_settings,
)
from train_teacher.mmdet_plugin.checkpoints.base import load_base_checkpoint
from train_teacher.mmdet_plugin.checkpoints.base_identity import identify_base
from train_teacher.mmdet_plugin.lora.adapters import adapter_tensors, merge_adapters
from train_teacher.mmdet_plugin.reporting.freeze_proof import parameter_digests
from train_teacher.reports.summary import RunSummary
from train_teacher.teachers.adapter_folder import attach_adapter, base_of, write_adapter
from train_teacher.teachers.card import Preprocessing, describe_teacher

FROZEN = ("backbone.", "language_model.")


def build_random(settings: Any) -> Any:
    """Return the detector without weights of its own for the language model."""
    importlib.import_module("train_teacher.mmdet_plugin")
    from mmdet.registry import MODELS
    from mmdet.utils import register_all_modules

    register_all_modules(init_default_scope=True)
    config = build_config(settings).model
    config.language_model.own_weights = "never"
    return MODELS.build(config)


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
    settings = make_settings("swin-t", language_model=str(bert_base), accumulation=1)
    model = build_model(settings)
    model.init_weights()
    assert 170e6 < sum(p.numel() for p in model.parameters()) < 176e6
    wrapper = build_optim_wrapper(model, build_config(settings).optim_wrapper)
    optimized = {id(p) for group in wrapper.param_groups for p in group["params"]}
    before = parameter_digests(model, trainable=False)
    decoder = model.decoder.layers[0].ffn.layers[1].weight.detach().clone()
    model.train()
    inputs, samples = demo_batch(model, size=256)
    losses = model.loss(inputs, samples)
    wrapper.update_params(sum(v for k, v in losses.items() if "loss" in k))

    assert parameter_digests(model, trainable=False) == before
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
    models = {
        tune: build_random(
            make_settings("swin-t", language_model=str(tmp_path / "bert"), tune=tune)
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


def outputs(model: Any) -> list[torch.Tensor]:
    torch.manual_seed(1)
    inputs, samples = demo_batch(model, size=256)
    model.eval()
    with torch.no_grad():
        found = model.predict(inputs[:1], samples[:1])[0].pred_instances
    return [found.scores, found.bboxes]


def test_an_adapter_makes_every_round_trip_at_full_size(tmp_path: Path) -> None:
    from peft import PeftModel
    from transformers import BertConfig

    shutil.copytree(DEMO_BASE.parent / "language_model", tmp_path / "bert")
    BertConfig().save_pretrained(tmp_path / "bert")
    torch.manual_seed(0)
    plain = build_random(make_settings("swin-t", language_model=str(tmp_path / "bert")))
    plain.init_weights()
    base = tmp_path / "base.pth"
    torch.save({"state_dict": {n: t.half() for n, t in plain.state_dict().items()}}, base)
    names = set(plain.state_dict())
    values = {"weights": str(base), "language_model": str(tmp_path / "bert")}
    load_base_checkpoint(plain, base)
    plain.base_identity = identify_base(base)
    trained = build_model(make_settings("swin-t", tune="lora", **values))
    for parameter in trained.parameters():
        if parameter.requires_grad:
            parameter.data += 0.01 * torch.randn_like(parameter)
    state = {n: p.detach() for n, p in trained.named_parameters() if p.requires_grad}
    torch.save({"state_dict": state, "meta": {}}, tmp_path / "best.pth")
    wanted = outputs(trained)
    card = describe_teacher(
        make_info(),
        make_settings("swin-t", tune="lora", **values),
        RunSummary(None, None, None),
        base=base_of(trained),
        preprocessing=Preprocessing([800, 1333], [0.0], [1.0], "RGB", 1),
    )
    write_adapter(tmp_path / "adapter", trained, tmp_path / "best.pth", card)
    del trained
    assert (tmp_path / "adapter" / "adapter_model.safetensors").stat().st_size < 19e6

    assert (outputs(plain)[1] - wanted[1]).abs().max() > 1  # pixels
    attach_adapter(plain, tmp_path / "adapter")
    for ours, theirs in zip(outputs(plain), wanted, strict=True):
        assert torch.allclose(ours, theirs, atol=1e-4, rtol=1e-5)
    merge_adapters(plain)
    assert set(plain.state_dict()) == names
    scores, boxes = outputs(plain)
    assert torch.allclose(scores, wanted[0], atol=1e-4, rtol=1e-5)
    # Rounding may exchange two detections that score alike: each box must be there, somewhere.
    apart = (boxes[:, None] - wanted[1]).abs().amax(dim=-1)
    assert max(apart.amin(dim=0).max(), apart.amin(dim=1).max()) < 1e-2  # pixels
    load_base_checkpoint(plain, base)
    wrapped = PeftModel.from_pretrained(plain, str(tmp_path / "adapter"))
    for ours, theirs in zip(outputs(wrapped.base_model.model), wanted, strict=True):
        assert torch.allclose(ours, theirs, atol=1e-4, rtol=1e-5)
