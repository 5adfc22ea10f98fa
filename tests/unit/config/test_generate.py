from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from demo_model import make_info, make_settings
from train_teacher.config.data_driven import with_decisions
from train_teacher.config.generate import generate_mmdet_config
from train_teacher.core.errors import UsageError
from train_teacher.inspection.facts import PromptInfo

GOLDEN = Path(__file__).resolve().parents[2] / "golden"


def overrides(model: str = "demo", **values: Any) -> dict[str, Any]:
    generated = generate_mmdet_config(make_info(), make_settings(model, **values))
    return {override.key: override.value for override in generated.overrides}


@pytest.mark.parametrize("model", ["demo", "swin-t"])
def test_the_overrides_of_a_preset_are_the_reviewed_ones(model: str) -> None:
    settings = make_settings(model, weights="/w/base.pth", language_model="/bert")
    generated = generate_mmdet_config(make_info(), settings)
    lines = [
        f"{o.key} = {msgspec.json.encode(o.value).decode()}  # {o.reason}"
        for o in generated.overrides
    ]
    assert "\n".join(lines) + "\n" == (GOLDEN / f"overrides_{model}.txt").read_text()


def test_lora_options_reach_the_model_and_its_rate_the_optimizer() -> None:
    values = overrides(tune="lora", lora_rank=8, lora_targets=["decoder"], lora_lr_factor=3.0)
    assert values["model.lora"] == {
        "rank": 8,
        "alpha": None,
        "dropout": 0.0,
        "dora": False,
        "rslora": False,
        "targets": ["decoder"],
    }
    keys = values["optim_wrapper"]["paramwise_cfg"]["custom_keys"]
    assert keys[".lora_"] == {"lr_mult": 3.0, "decay_mult": 0.0}
    assert "model.lora" not in overrides()


def test_every_override_has_a_reason() -> None:
    generated = generate_mmdet_config(make_info(), make_settings())
    assert all(override.reason for override in generated.overrides)


def test_no_workers_means_no_persistent_workers() -> None:
    assert overrides(workers=0)["train_dataloader"]["persistent_workers"] is False
    assert overrides(workers=2)["train_dataloader"]["persistent_workers"] is True


def many_classes(tokens: int = 2) -> dict[str, Any]:
    names = tuple(f"class {number}" for number in range(300))
    prompt = PromptInfo("", 300 * (tokens + 1) + 2, 256, True, (tokens,) * 300)
    info = msgspec.structs.replace(make_info(names), prompt=prompt)
    generated = generate_mmdet_config(info, make_settings())
    return {override.key: override.value for override in generated.overrides}


def test_classes_that_fit_one_prompt_are_trained_and_scored_in_one() -> None:
    values = overrides()
    assert "model.test_cfg.chunked_size" not in values
    assert values["train_dataloader"]["dataset"]["dataset"]["type"] == "CocoDataset"


def test_classes_beyond_one_prompt_are_trained_from_odvg_files_with_a_prompt_per_image() -> None:
    dataset = many_classes()["train_dataloader"]["dataset"]["dataset"]
    assert dataset["type"] == "ODVGDataset"
    assert dataset["ann_file"] == "/run/data/train.odvg.jsonl"
    assert dataset["label_map_file"] == "/run/data/label_map.json"
    steps = [step["type"] for step in dataset["pipeline"]]
    assert steps[-2:] == ["RandomPrompt", "PackDetInputs"]
    assert {"text", "custom_entities"} <= set(dataset["pipeline"][-1]["meta_keys"])


def test_trained_parts_learn_at_a_share_of_the_rate() -> None:
    keys = overrides(tune="full")["optim_wrapper"]["paramwise_cfg"]["custom_keys"]
    assert keys["backbone"] == keys["language_model"] == {"lr_mult": 0.1}
    frozen = overrides()["optim_wrapper"]["paramwise_cfg"]["custom_keys"]
    assert "backbone" not in frozen


@pytest.mark.parametrize("factor", [0.0, 0.2])
def test_bert_learns_at_a_share_of_its_own(factor: float) -> None:
    values = overrides(tune="full", language_model_lr_factor=factor)
    keys = values["optim_wrapper"]["paramwise_cfg"]["custom_keys"]
    assert (keys["backbone"], keys["language_model"]) == ({"lr_mult": 0.1}, {"lr_mult": factor})


def test_a_plateau_is_mmengines_own_and_validated_after_every_epoch() -> None:
    values = overrides(schedule="plateau", epochs=100)
    warmup, plateau = values["param_scheduler"]
    assert (warmup["type"], plateau["type"]) == ("LinearLR", "ReduceOnPlateauLR")
    assert plateau["monitor"] == values["default_hooks.checkpoint"]["save_best"]
    assert (plateau["factor"], plateau["patience"], plateau["cooldown"]) == (0.5, 5, 1)
    assert values["train_cfg"]["val_interval"] == 1
    (stop,) = (hook for hook in values["custom_hooks"] if "patience" in hook)
    # Two falls take 7 validations each.
    assert stop["patience"] > 2 * 7
    assert stop["min_delta"] == plateau["threshold"]
    assert overrides(schedule="plateau", epochs=101)["train_cfg"]["val_interval"] == 2


def test_bf16_needs_no_loss_scaling() -> None:
    wrapper = overrides(precision="bf16")["optim_wrapper"]
    assert wrapper["type"] == "AmpOptimWrapper"
    assert wrapper["dtype"] == "bfloat16"
    assert wrapper["loss_scale"] == {"enabled": False}


def test_the_best_checkpoint_follows_the_overall_map() -> None:
    hook = overrides()["default_hooks.checkpoint"]
    assert (hook["save_best"], hook["rule"]) == ("coco/bbox_mAP", "greater")


def test_a_value_of_the_user_comes_last() -> None:
    settings = make_settings(set={"model.num_queries": 33})
    last = generate_mmdet_config(make_info(), settings).overrides[-1]
    assert (last.key, last.value, last.by_user) == ("model.num_queries", 33, True)


def test_data_without_validation_is_refused() -> None:
    info = make_info()
    train_only = msgspec.structs.replace(info, splits=info.splits[:1])
    with pytest.raises(UsageError, match="no validation data"):
        generate_mmdet_config(train_only, make_settings())


def test_tensorboard_and_wandb_are_added_to_the_metrics_file() -> None:
    plain = overrides()["vis_backends"]
    assert plain == [{"type": "MetricsFileBackend"}]
    both = overrides(tensorboard=True, wandb="teachers", output="/runs/exp1")["vis_backends"]
    assert both[:2] == [*plain, {"type": "TensorboardVisBackend"}]
    assert both[2]["init_kwargs"] == {"project": "teachers", "name": "exp1"}


@pytest.mark.parametrize("model", ["demo", "swin-t"])
@given(images=st.integers(2, 40_000), data=st.data())
def test_giving_the_value_that_would_be_chosen_changes_nothing(
    model: str, images: int, data: st.DataObject
) -> None:
    info = make_info(train_images=images)
    asked = make_settings(model)
    generated = generate_mmdet_config(info, asked)
    schedule = generated.schedule
    closed = msgspec.structs.replace(
        with_decisions(asked, generated.decisions),
        epochs=schedule.epochs,
        lr=schedule.lr,
        val_interval=schedule.val_interval,
    )
    chosen = [n for n in closed.__struct_fields__ if getattr(closed, n) != getattr(asked, n)]
    name = data.draw(st.sampled_from(chosen))
    typed_out = msgspec.structs.replace(asked, **{name: getattr(closed, name)})
    again = generate_mmdet_config(info, typed_out)
    assert {o.key: o.value for o in again.overrides} == {
        o.key: o.value for o in generated.overrides
    }


@pytest.mark.parametrize("plain", [False, True])
def test_a_tiled_run_reads_tiles_and_counts_on_whole_images_where_its_metric_can(
    plain: bool,
) -> None:
    values = overrides(tile=160, plain=plain)

    train, val = (values[f"{name}_dataloader"]["dataset"] for name in ("train", "val"))
    train = train if plain else train["dataset"]
    for dataset, name in ((train, "train"), (val, "val")):
        assert dataset["ann_file"] == f"/run/data/tiles/{name}.json"
        assert dataset["data_prefix"] == {"img": f"/run/data/tiles/{name}/"}
    assert values["test_dataloader"]["dataset"]["ann_file"] == "/run/data/test.json"
    assert "most_in_whole" not in values["test_evaluator"]
    if plain:
        assert values["val_evaluator"]["ann_file"] == "/run/data/tiles/val.json"
        assert "most_in_whole" not in values["val_evaluator"]
    else:
        assert values["val_evaluator"]["ann_file"] == "/run/data/val.json"
        assert values["val_evaluator"]["most_in_whole"] == 40
