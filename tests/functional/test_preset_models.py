"""Every full-size preset, built by MMDetection on PyTorch's meta device: shapes without memory."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from demo_model import DEMO_BASE, build_model, make_settings

SIZES = {
    # Parameters in millions, feature levels.
    "swin-t": (172.9, 4),
    "swin-b": (233.0, 4),
    "swin-l": (343.1, 5),
    "grounding-dino-swin-t": (172.9, 4),
    "grounding-dino-swin-b": (233.0, 4),
}


@pytest.fixture
def bert_base(tmp_path: Path) -> Path:
    """Write BERT-base's config (not its weights) beside the demo's vocabulary."""
    from transformers import BertConfig

    folder = tmp_path / "bert"
    shutil.copytree(DEMO_BASE.parent / "language_model", folder)
    for weights in folder.glob("*.safetensors"):
        weights.unlink()
    BertConfig().save_pretrained(folder)
    return folder


@pytest.fixture
def meta_device(monkeypatch: pytest.MonkeyPatch) -> torch.device:
    """Return the meta device, with the one function kept real whose numbers Swin reads."""
    real = torch.linspace

    def linspace(*args: Any, **kwargs: Any) -> torch.Tensor:
        return real(*args, **{**kwargs, "device": "cpu"})

    monkeypatch.setattr(torch, "linspace", linspace)
    return torch.device("meta")


@pytest.mark.parametrize("name", SIZES)
def test_a_preset_builds_at_its_full_size(
    name: str, bert_base: Path, meta_device: torch.device, mmdet_ready: None
) -> None:
    settings = make_settings(name, language_model=str(bert_base), tune="full")
    with meta_device:
        model = build_model(settings)
    millions, levels = SIZES[name]
    count = sum(p.numel() for p in model.parameters()) / 1e6
    assert count == pytest.approx(millions, abs=0.2)
    assert sum(p.numel() for p in model.parameters() if not p.is_meta) < 10_000
    assert model.level_embed.shape == (levels, 256)
    assert len(model.neck.convs) + len(model.neck.extra_convs or ()) == levels
    assert model.dn_query_generator.label_embedding.weight.shape == (256, 256)
