"""Every shipped preset against the configs that MMDetection itself ships."""

import re
from typing import Any

import pytest
from mmengine.config import Config

from demo_model import build_config, make_settings
from train_teacher.config.merge import find_base_config
from train_teacher.settings import yaml_files

ADDRESS = "https://download.openmmlab.com/mmdetection/v3.0/"
BASE, LARGE = "grounding_dino_swin-b_pretrain_all", "grounding_dino_swin-l_pretrain_all"
MM, ORIGINAL = f"{ADDRESS}mm_grounding_dino/", f"{ADDRESS}grounding_dino/"
TINY = "grounding_dino_swin-t_pretrain_obj365_goldg_grit9m_v3det"
CHECKPOINTS = {
    "swin-t": f"{MM}{TINY}/{TINY}_20231204_095047-b448804b.pth",
    "swin-b": f"{MM}{BASE}/{BASE}-f9818a7c.pth",
    "swin-l": f"{MM}{LARGE}/{LARGE}-56d69e78.pth",
    "grounding-dino-swin-t": f"{ORIGINAL}groundingdino_swint_ogc_mmdet-822d7e9d.pth",
    "grounding-dino-swin-b": f"{ORIGINAL}groundingdino_swinb_cogcoor_mmdet-55949c9c.pth",
    "llmdet-swin-t": "hf://iSEE-Laboratory/llmdet_tiny",
    "llmdet-swin-b": "hf://iSEE-Laboratory/llmdet_base",
    "llmdet-swin-l": "hf://iSEE-Laboratory/llmdet_large",
}
# What train-teacher changes in every model, for reasons that the dry run gives.
OURS = {
    "type",
    "frozen_modules",
    "base_checkpoint",
    "language_model.type",
    "language_model.own_weights",
    "backbone.init_cfg",
    "backbone.with_cp",
    "encoder.num_cp",
    "accelerated",
    "bbox_head.num_classes",
    "test_cfg.max_per_img",
}


def leaves(node: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in node.items():
        nested = isinstance(value, dict) and name != "init_cfg"
        found |= leaves(value, f"{prefix}{name}.") if nested else {f"{prefix}{name}": value}
    return found


def model_of(name: str) -> dict[str, Any]:
    return leaves(Config.fromfile(find_base_config(name), import_custom_modules=False).model)


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_the_checkpoint_is_the_published_one(name: str) -> None:
    checkpoint = make_settings(name).checkpoint
    assert checkpoint == CHECKPOINTS[name]
    assert re.search(r"-[0-9a-f]{8}\.pth$", checkpoint) or checkpoint.startswith("hf://")


def test_these_are_all_presets() -> None:
    assert set(yaml_files.preset_names()) == {"demo", *CHECKPOINTS}


@pytest.mark.parametrize(
    ("name", "official"),
    [
        ("swin-t", "mm_grounding_dino/grounding_dino_swin-t_pretrain_obj365.py"),
        ("swin-l", "mm_grounding_dino/grounding_dino_swin-l_pretrain_all.py"),
        ("grounding-dino-swin-t", "grounding_dino/grounding_dino_swin-t_finetune_16xb2_1x_coco.py"),
        ("grounding-dino-swin-b", "grounding_dino/grounding_dino_swin-b_finetune_16xb2_1x_coco.py"),
    ],
)
def test_the_architecture_is_that_of_mmdetections_own_config(name: str, official: str) -> None:
    ours = leaves(build_config(make_settings(name)).to_dict()["model"])
    theirs = model_of(official)
    differing = {
        key for key in ours.keys() | theirs.keys() if ours.get(key, ...) != theirs.get(key, ...)
    }
    assert differing <= OURS


def test_swin_b_is_the_original_swin_b_backbone_in_mm_grounding_dino() -> None:
    backbone = leaves(build_config(make_settings("swin-b")).to_dict()["model"])
    original = model_of("grounding_dino/grounding_dino_swin-b_pretrain_mixeddata.py")
    same = [key for key in original if key.startswith(("backbone.", "neck."))]
    different = {key for key in same if backbone[key] != original[key]}
    assert different <= {"backbone.with_cp", "backbone.convert_weights"}
    assert backbone["bbox_head.contrastive_cfg.bias"] is True
    assert backbone["bbox_head.contrastive_cfg.log_scale"] == "auto"


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_every_preset_says_what_it_is_and_how_to_run_it(name: str) -> None:
    text = yaml_files.find_preset(name).read_text(encoding="utf-8")
    comment = text.split("\n\n", maxsplit=1)[0]
    assert comment.startswith("# ")
    assert "train-teacher --data data.json" in comment
    assert "Apache-2.0" in text


@pytest.mark.parametrize("size", ["t", "b", "l"])
def test_llmdet_is_mm_grounding_dino_field_for_field(size: str) -> None:
    built = [build_config(make_settings(f"{name}swin-{size}")).to_dict()["model"]
             for name in ("", "llmdet-")]  # fmt: skip
    assert built[0] == built[1]
