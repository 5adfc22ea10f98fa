from pathlib import Path
from typing import Any

import pytest
from mmengine.config import Config

from demo_model import make_info, make_settings
from train_teacher.adapters import mmengine_config, preset_file
from train_teacher.domain.config_overrides import generate_mmdet_config
from train_teacher.domain.errors import UsageError, UserError

PRESETS = preset_file.preset_names()


def build(model: str = "demo", **values: Any) -> Config:
    return mmengine_config.build_config(
        generate_mmdet_config(make_info(), make_settings(model, **values))
    )


@pytest.mark.parametrize("model", PRESETS)
def test_the_written_config_is_read_back_equal(model: str, tmp_path: Path) -> None:
    config = build(model)
    path = tmp_path / "mmdet_config.py"
    path.write_text(mmengine_config.render_config(config, "header", {}))
    assert Config.fromfile(path, import_custom_modules=False).to_dict() == config.to_dict()


@pytest.mark.parametrize("model", PRESETS)
def test_nothing_of_the_base_configs_data_is_left(model: str) -> None:
    text = mmengine_config.render_config(build(model), "", {})
    for leftover in (
        "data/cat",
        "data/coco",
        "objects365",
        "odvg",
        "instances_",
        "o365v1",
        "trainval",
    ):
        assert leftover not in text
    assert "download.openmmlab.com" not in text
    assert "bert-base-uncased" not in text or model != "demo"


@pytest.mark.parametrize("model", PRESETS)
def test_the_same_input_gives_the_same_bytes(model: str) -> None:
    texts = {mmengine_config.render_config(build(model), "header", {}) for _ in range(2)}
    assert len(texts) == 1


@pytest.mark.parametrize("model", PRESETS)
def test_every_override_is_in_the_result(model: str) -> None:
    generated = generate_mmdet_config(make_info(), make_settings(model))
    content: Any = mmengine_config.build_config(generated).to_dict()
    for override in generated.overrides:
        node = content
        for name in override.key.split("."):
            node = node[name]
        if isinstance(node, tuple):
            node = list(node)  # YAML has no tuples
        assert node == override.value, override.key


def test_class_names_are_a_tuple_in_canonical_order_everywhere() -> None:
    config = build()
    datasets = (config.train_dataloader.dataset, config.val_dataloader, config.test_dataloader)
    for loader in datasets:
        assert loader.dataset.metainfo.classes == ("red circle", "blue square")


def test_unknown_keys_are_refused_together_with_the_nearest_known_one() -> None:
    with pytest.raises(UsageError) as caught:
        build(set={"optim_wrapper.optimizer.lrr": 1, "modle.type": "X", "train_cfg.max_epoch": 3})
    message = str(caught.value)
    assert "optim_wrapper.optimizer.lrr" in message
    assert "did you mean `optim_wrapper.optimizer.lr`?" in message
    assert "did you mean `model.type`?" in message
    assert "did you mean `train_cfg.max_epochs`?" in message


def test_an_item_of_a_list_can_be_set_by_its_number() -> None:
    config = build(set={"param_scheduler.1.gamma": 0.5})
    assert config.param_scheduler[1].gamma == 0.5
    with pytest.raises(UsageError, match=r"param_scheduler\.7"):
        build(set={"param_scheduler.7.gamma": 0.5})


def test_an_unknown_base_config_names_the_nearest() -> None:
    with pytest.raises(UserError, match="Did you mean mm_grounding_dino/"):
        mmengine_config.find_base_config("mm_grounding_dino/grounding_dino_swin-t_finetune_cat.py")


def test_differences_name_what_the_recipe_has_and_what_we_have() -> None:
    generated = generate_mmdet_config(make_info(), make_settings())
    differences = mmengine_config.differences_from(
        mmengine_config.build_config(generated), generated
    )
    changed = {key: (theirs, ours) for key, theirs, ours in differences}
    assert changed["model.encoder.num_cp"] == (6, 0)
    assert changed["model.backbone.with_cp"] == (True, False)
    assert changed["model.frozen_modules"][0] is ...
    assert "model.positional_encoding.num_feats" not in changed
