"""An adapter trained here computes the same in PEFT on transformers' base."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch

from hub_model import CLASSES, build_small, bundle_of, perturb
from train_teacher.core.errors import UserError
from train_teacher.hub.geometry import DELIMITERS, transformers_config
from train_teacher.mmdet_plugin.lora.adapters import LoraOptions, inject_lora
from train_teacher.teachers.adapter_folder import attach_adapter, fill_adapter
from train_teacher.teachers.hub_adapter import rename_adapter
from train_teacher.teachers.hub_bundle import fill_hub_adapter
from train_teacher.teachers.hub_comparison import compare_outputs, read_outputs


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
    if not half:
        assert_peft_computes_it_alone(out, tmp_path, bundle.detector, plain)
        assert_read_back(out, tmp_path, bundle.detector, base)


ALONE = """
import sys

for name in ("mmdet", "mmengine", "mmcv", "train_teacher"):
    sys.modules[name] = None
import torch
from peft import PeftModel
from transformers import AutoModelForZeroShotObjectDetection

base, adapter, inputs = sys.argv[1:]
twin = AutoModelForZeroShotObjectDetection.from_pretrained(base)
model = PeftModel.from_pretrained(twin, adapter).eval()
given = torch.load(inputs)
with torch.no_grad():
    found = model(**given["inputs"])
width = given["scores"].shape[-1]
scores = (found.logits.sigmoid()[..., :width] - given["scores"]).abs().max()
boxes = (found.pred_boxes - given["boxes"]).abs().max()
print(float(scores), float(boxes))
sys.exit(not max(float(scores), float(boxes)) < 1e-4)
"""


def assert_peft_computes_it_alone(out: Path, work: Path, detector: Any, plain: Any) -> None:
    """Load base and adapter in a process without train-teacher and MMDetection."""
    plain.save_pretrained(work / "base")
    pixels = torch.randn(1, 3, 160, 160, generator=torch.Generator().manual_seed(1))
    tokens = detector.language_model.tokenizer(["red circle. cat. "], return_tensors="pt")
    logits, boxes = read_outputs(detector, pixels, "red circle. cat. ", (160, 160))
    width = tokens["input_ids"].shape[1]
    given = {"inputs": {"pixel_values": pixels, **tokens}, "boxes": boxes,
             "scores": logits.sigmoid()[..., :width]}  # fmt: skip
    torch.save(given, work / "given.pth")
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", ALONE, work / "base", out, work / "given.pth"],
        capture_output=True, text=True, check=False, cwd="/",
        env={"PATH": os.environ["PATH"], "HOME": str(work), "HF_HUB_OFFLINE": "1"},
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr


def assert_read_back(out: Path, work: Path, trained: Any, base: Any) -> None:
    """Put the adapter into MMDetection's detector again."""
    _, detector = build_small(work / "again", classes=CLASSES)
    detector.load_state_dict(base)
    pixels = torch.randn(1, 3, 160, 160, generator=torch.Generator().manual_seed(1))
    before = read_outputs(detector, pixels, "red circle. ", (160, 160))[0].sigmoid()
    attach_adapter(detector, out)
    after = read_outputs(detector, pixels, "red circle. ", (160, 160))[0].sigmoid()
    wanted = read_outputs(trained, pixels, "red circle. ", (160, 160))[0].sigmoid()
    assert float((before - wanted).abs().max()) > 1e-3
    assert float((after - wanted).abs().max()) < 1e-4


def load_renamed_base(base: dict[str, torch.Tensor], config: dict[str, object]) -> Any:
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
