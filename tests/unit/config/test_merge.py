import re
from pathlib import Path
from typing import Any

import pytest
from mmengine.config import Config

from demo_model import make_info, make_settings
from train_teacher.config import merge
from train_teacher.config.dotted_keys import through_wrappers, value_at
from train_teacher.config.generate import generate_mmdet_config, reasons_by_key
from train_teacher.core.errors import UsageError, UserError
from train_teacher.core.python_files import allow_python_files
from train_teacher.settings import yaml_files

PRESETS = yaml_files.preset_names()


def build(model: str = "demo", **values: Any) -> Config:
    return merge.build_config(generate_mmdet_config(make_info(), make_settings(model, **values)))


@pytest.mark.parametrize("model", PRESETS)
def test_the_written_config_is_read_back_equal(model: str, tmp_path: Path) -> None:
    config = build(model)
    path = tmp_path / "mmdet_config.py"
    path.write_text(merge.render_config(config, "header", {}))
    loaded = Config.fromfile(path, import_custom_modules=False).to_dict()
    assert {key: loaded[key] for key in config} == config.to_dict()


@pytest.mark.parametrize("model", PRESETS)
def test_nothing_of_the_base_configs_data_is_left(model: str) -> None:
    text = merge.render_config(build(model), "", {})
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
    texts = {merge.render_config(build(model), "header", {}) for _ in range(2)}
    assert len(texts) == 1


@pytest.mark.parametrize("model", PRESETS)
def test_every_override_is_in_the_result(model: str) -> None:
    generated = generate_mmdet_config(make_info(), make_settings(model))
    content: Any = merge.build_config(generated).to_dict()
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
        build(
            set={"optim_wrapper.optimizer.lrr": 1, "modle.type": "L1Loss", "train_cfg.max_epoch": 3}
        )
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
    with pytest.raises(UserError, match="Did you mean 'mm_grounding_dino/"):
        merge.find_base_config("mm_grounding_dino/grounding_dino_swin-t_finetune_cat.py")


def test_only_a_config_in_mmdetections_own_folder_is_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped, code = tmp_path / "configs", tmp_path / "evil.py"
    shipped.mkdir()
    code.write_text("raise SystemExit('it was run')\n")
    (shipped / "link.py").symlink_to(code)
    (shipped / "own.py").write_text("model = dict()\n")
    monkeypatch.setattr(merge, "_shipped_configs", lambda: [shipped])
    assert merge.find_base_config("own.py") == shipped / "own.py"
    for outside in (str(code), "../evil.py", "link.py"):
        with pytest.raises(UserError, match=f"base_config {outside}"):
            merge.merge_overrides(outside, ())


def test_a_config_of_the_users_own_is_run_where_they_allowed_it(tmp_path: Path) -> None:
    own = tmp_path / "own.py"
    own.write_text("model = dict(size=1 + 1)\n")
    allow_python_files(True)
    try:
        assert merge.merge_overrides(str(own), ()).model.size == 2
    finally:
        allow_python_files(False)


def test_differences_name_what_the_recipe_has_and_what_we_have() -> None:
    generated = generate_mmdet_config(make_info(), make_settings())
    differences = merge.differences_from(merge.build_config(generated), generated)
    changed = {key: (theirs, ours) for key, theirs, ours in differences}
    assert changed["model.encoder.num_cp"] == (6, 0)
    assert changed["model.backbone.with_cp"] == (True, False)
    assert changed["model.frozen_modules"][0] is ...
    assert "model.positional_encoding.num_feats" not in changed


@pytest.mark.parametrize(
    ("key", "value", "found"),
    [
        ("model.bbox_head.loss_bbox.loss_weight", 2, 2.0),
        ("train_dataloader.dataset.pipeline.2.prob", 0.3, 0.3),
        ("val_dataloader.dataset.pipeline.1.scale", [320, 640], (320, 640)),
        ("model.neck.in_channels", [1, 2], [1, 2]),
        ("optim_wrapper.clip_grad", None, None),
    ],
)
def test_what_is_set_arrives_in_the_kind_that_the_config_uses(
    key: str, value: object, found: object
) -> None:
    config = build(set={key: value}).to_dict()
    content = value_at(config, through_wrappers(config, key))
    assert content == found
    assert type(content) is type(found)


def test_a_mapping_without_type_is_merged_and_one_with_type_is_taken_whole() -> None:
    key = "model.bbox_head.loss_bbox"
    assert build(set={key: {"loss_weight": 2.0}}).model.bbox_head.loss_bbox.type == "L1Loss"
    whole = {"type": "SmoothL1Loss", "beta": 0.1}
    assert build(set={key: whole}).model.bbox_head.loss_bbox == whole
    with pytest.raises(
        UsageError, match=r"did you mean `model\.bbox_head\.loss_bbox\.loss_weight`"
    ):
        build(set={key: {"loss_wieght": 2.0}})


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("model.num_queries", "many", r"there is a number there \(40\), and 'many' is text"),
        ("model.bbox_head.loss_bbox", 3, "there is a mapping there"),
        ("lr", 1e-5, "is a setting of train-teacher"),
        ("bbox_head.loss_bbox.loss_weight", 2.0, "`model.bbox_head.loss_bbox.loss_weight`"),
    ],
)
def test_a_value_that_cannot_be_meant_says_what_is_there(
    key: str, value: object, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        build(set={key: value})


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("model.type", "GroundingDINO", "would not freeze"),
        ("model", {"type": "GroundingDINO"}, "would not freeze"),
        ("model.frozen_modules", [], "--freeze"),
        ("load_from", "x.pth", "--weights"),
        ("model.language_model.name", "bert-large", "--language-model"),
        ("custom_imports", None, "own classes"),
        ("custom_hooks", [{"type": "ProgressHook"}], "FreezeProofHook"),
        ("visualizer.vis_backends", [], "metrics.jsonl"),
        ("work_dir", "/elsewhere", "--output"),
        ("train_dataloader.dataset.metainfo.classes", ["b", "a"], "labels"),
        ("val_dataloader.dataset.metainfo", {"classes": ["b", "a"]}, "labels"),
        ("val_dataloader.dataset.ann_file", "x.json", "--val"),
        ("test_evaluator.ann_file", "x.json", "--test"),
        ("val_dataloader.dataset.return_classes", False, "class names"),
    ],
)
def test_what_would_silently_break_freezing_or_labels_is_refused(
    key: str, value: object, message: str
) -> None:
    with pytest.raises(UsageError) as caught:
        build(set={key: value})
    assert key.rpartition(".")[2] in str(caught.value).partition(":")[0]
    assert ": may not be set: " in str(caught.value)
    assert message in str(caught.value)


def test_hooks_and_log_backends_may_be_added() -> None:
    hooks = [{"type": "FreezeProofHook"}, {"type": "EMAHook"}]
    assert len(build(set={"custom_hooks": hooks}).custom_hooks) == 2
    backends = [{"type": "MetricsFileBackend"}, {"type": "TensorboardVisBackend"}]
    assert len(build(set={"visualizer.vis_backends": backends}).visualizer.vis_backends) == 2


def test_only_what_a_reader_needs_is_explained_and_what_the_user_set() -> None:
    generated = generate_mmdet_config(
        make_info(), make_settings(set={"model.num_queries": 33}, lr=None)
    )
    config = merge.build_config(generated)
    text = merge.render_config(config, "", reasons_by_key(generated.overrides))
    assert "    # set by you\n    num_queries=33,\n" in text
    assert text.count("set by you") == 1
    assert re.search(r"\nbase_lr = \S+  # 1e-4 at batch 32, square-root rule\n", text)
    assert "architecture of the preset" not in text
    assert text.count("#") <= 16
    assert "  # " not in re.search(r"\nbase_lr = .*", text_of_given_rate())[0]  # type: ignore[index]


def text_of_given_rate() -> str:
    generated = generate_mmdet_config(make_info(), make_settings(lr=1e-3))
    reasons = reasons_by_key(generated.overrides)
    return merge.render_config(merge.build_config(generated), "", reasons)


def test_a_list_of_steps_is_compared_step_by_step_also_in_a_wrapped_data_set() -> None:
    key = "train_dataloader.dataset.pipeline.2.prob"
    generated = generate_mmdet_config(make_info(), make_settings("swin-t", set={key: 0.3}))
    config = merge.build_config(generated)
    differences = merge.differences_from(config, generated)
    inner = through_wrappers(config.to_dict(), key)
    assert (inner, 0.5, 0.3) in differences
    assert not any(name.endswith(".pipeline") for name, _, _ in differences)
