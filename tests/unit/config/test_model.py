from typing import Any

import msgspec

from demo_model import make_info, make_settings
from train_teacher.config.generate import generate_mmdet_config
from train_teacher.config.model import frozen_parts, random_frozen_parts
from train_teacher.inspection.facts import PromptInfo


def overrides(model: str = "demo", **values: Any) -> dict[str, Any]:
    generated = generate_mmdet_config(make_info(), make_settings(model, **values))
    return {override.key: override.value for override in generated.overrides}


def test_freezing_by_tune_and_by_name() -> None:
    assert frozen_parts(make_settings()) == ("backbone", "language_model")
    assert frozen_parts(make_settings(tune="full")) == ()
    assert frozen_parts(make_settings(tune="full", freeze=["neck"])) == ("neck",)


def test_lora_freezes_backbone_and_language_model_unless_they_get_adapters() -> None:
    assert frozen_parts(make_settings(tune="lora")) == ("backbone", "language_model")
    targets = ["decoder", "backbone", "language_model.language_backbone"]
    assert frozen_parts(make_settings(tune="lora", lora_targets=targets)) == ()
    assert frozen_parts(make_settings(tune="lora", freeze=["neck"]))[-1] == "neck"


def test_frozen_parts_without_weights_are_named() -> None:
    assert random_frozen_parts(make_settings(weights="none")) == ("backbone",)
    assert random_frozen_parts(make_settings(weights="none", tune="full")) == ()
    assert "decoder" in random_frozen_parts(make_settings(weights="none", tune="lora"))
    assert random_frozen_parts(make_settings(weights="/w/base.pth")) == ()


def many_classes(tokens: int = 2) -> dict[str, Any]:
    names = tuple(f"class {number}" for number in range(300))
    prompt = PromptInfo("", 300 * (tokens + 1) + 2, 256, True, (tokens,) * 300)
    info = msgspec.structs.replace(make_info(names), prompt=prompt)
    generated = generate_mmdet_config(info, make_settings())
    return {override.key: override.value for override in generated.overrides}


def test_the_pretrained_label_table_is_kept_with_any_number_of_classes() -> None:
    assert overrides()["model.bbox_head.num_classes"] == 256
    assert many_classes()["model.bbox_head.num_classes"] == 256


def test_classes_beyond_one_prompt_are_scored_in_the_fewest_even_parts() -> None:
    # 254 tokens are for phrases of 3: 84 classes, so four parts, of 75 each.
    values = many_classes()
    assert values["model.test_cfg.chunked_size"] == 75
    assert values["train_dataloader"]["dataset"]["dataset"]["pipeline"][-2]["most_negatives"] == 75
    assert values["val_dataloader"]["dataset"]["type"] == "CocoDataset"
