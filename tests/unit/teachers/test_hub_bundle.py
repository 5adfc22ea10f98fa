"""A bundle for transformers: complete, compared when written, refused where it differs."""

from __future__ import annotations

import json
import runpy
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from hub_model import CLASSES, bundle_of, exported
from train_teacher.core.errors import UserError
from train_teacher.teachers import hub_bundle
from train_teacher.teachers.hub_bundle import fill_hub_bundle


def helper_of(folder: Path) -> Any:
    return runpy.run_path(str(folder / "detect.py"))["Detector"](folder)


def test_the_folder_is_complete_and_says_that_no_layers_share_heads(tmp_path: Path) -> None:
    _, out = exported(tmp_path)
    config = json.loads((out / "config.json").read_text())
    assert config["decoder_bbox_embed_share"] is False
    assert config["decoder_cls_embed_share"] is False
    assert config["architectures"] == ["MMGroundingDinoForObjectDetection"]
    size = json.loads((out / "preprocessor_config.json").read_text())["size"]
    assert size == {"shortest_edge": 160, "longest_edge": 200}
    assert len((out / "detect.py").read_text().splitlines()) <= 120
    tokens = json.loads((out / "teacher.json").read_text())["captions"][0]["tokens"]
    assert [len(own) for own in tokens] == [2, 3, 1]


def test_half_precision_halves_the_file_and_is_compared_as_it_is_written(tmp_path: Path) -> None:
    _, out = exported(tmp_path, half=True)
    full = sum(p.numel() for p in bundle_of(tmp_path / "full").detector.parameters())
    assert (out / "model.safetensors").stat().st_size < 2.2 * full


def test_classes_beyond_one_prompt_become_several_and_are_all_scored(tmp_path: Path) -> None:
    classes = tuple(f"class {chr(97 + i // 26)}{chr(97 + i % 26)}" for i in range(90))
    bundle = bundle_of(tmp_path, classes)
    (tmp_path / "out").mkdir()
    card = fill_hub_bundle(tmp_path / "out", bundle)
    assert len(card.captions) == 3  # type: ignore[arg-type]
    detector = helper_of(tmp_path / "out")
    detector.most = 10**6
    _, labels, _ = detector(Image.open(bundle.images[0]), threshold=1e-30)
    assert set(labels.tolist()) == set(range(90))


def test_a_model_that_computes_something_else_is_not_exported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = bundle_of(tmp_path)
    (tmp_path / "out").mkdir()
    rename = hub_bundle.transformers_tensors

    def spoiled(weights: Any) -> Any:
        found, unplaced = rename(weights)
        name = "model.decoder.layers.1.fc1.weight"
        return {**found, name: -found[name]}, unplaced

    monkeypatch.setattr(hub_bundle, "transformers_tensors", spoiled)
    with pytest.raises(UserError, match=r"(boxes|scores) differ by .*a\.png.*red circle"):
        fill_hub_bundle(tmp_path / "out", bundle)


def test_the_helper_files_boxes_and_scores_are_the_detectors(tmp_path: Path) -> None:
    from mmdet.structures import DetDataSample

    bundle, out = exported(tmp_path)
    helper = helper_of(out)
    image = Image.open(bundle.images[0])
    boxes, labels, scores = helper(image)
    pixels = helper.processor.image_processor(image, return_tensors="pt")["pixel_values"]
    height, width = pixels.shape[2:]
    meta = {"img_shape": (height, width), "ori_shape": (120, 170), "text": CLASSES,
            "batch_input_shape": (height, width), "custom_entities": True,
            "scale_factor": (width / 170, height / 120)}  # fmt: skip
    with torch.no_grad():
        wanted = bundle.detector.predict(pixels, [DetDataSample(metainfo=meta)])[0].pred_instances
    count = len(wanted)
    assert torch.allclose(scores[:count], wanted.scores, atol=1e-5)
    sure = (wanted.scores[:-1] - wanted.scores[1:]) > 1e-5
    alone = torch.cat([torch.tensor([True]), sure]) & torch.cat([sure, torch.tensor([False])])
    assert int(alone.sum()) > 5
    assert torch.allclose(boxes[:count][alone], wanted.bboxes[alone], atol=0.05)
    assert torch.equal(labels[:count][alone], wanted.labels[alone])
