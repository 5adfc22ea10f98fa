"""A run in the types of MMDetection, MMEngine and mmcv alone."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from demo_model import build_config, make_info, make_settings
from train_teacher.config.generate import generate_mmdet_config
from train_teacher.config.plain import TABLE, Table
from train_teacher.core.errors import UsageError
from train_teacher.inspection.facts import PromptInfo
from train_teacher.settings.decided import Decided

BASE = "/w/base.pth"


def config_of(**values: Any) -> dict[str, Any]:
    settings = make_settings(
        **{"weights": BASE, "language_model": "/bert", "plain": True, **values}
    )
    return build_config(settings).to_dict()  # type: ignore[no-any-return]


def types_in(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, item in value.items():
            if name in ("type", "constructor") and isinstance(item, str):
                yield item
            yield from types_in(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from types_in(item)


def registered_by_us() -> set[str]:
    importlib.import_module("train_teacher.mmdet_plugin")
    from mmengine import registry

    registries = [
        value for value in vars(registry).values() if isinstance(value, registry.Registry)
    ]
    from mmdet import registry as mmdet_registry

    registries += [
        value for value in vars(mmdet_registry).values() if isinstance(value, registry.Registry)
    ]
    return {
        name
        for one in registries
        for name, kind in one.module_dict.items()
        if kind.__module__.startswith("train_teacher.")
    }


VARIANTS: dict[str, dict[str, Any]] = {
    "demo": {},
    "everything trained": {"tune": "full"},
    "rare classes more often": {"class_balance": 0.3},
    "two images in one": {"augmentation": "fewshot"},
    "photos as they lie": {"exif_orientation": "ignore"},
    "bf16": {"precision": "bf16"},
    "other loggers": {"tensorboard": True, "wandb": "project"},
    "no early stopping": {"early_stopping": 0},
    "a plateau": {"schedule": "plateau"},
    "a large model": {"model": "swin-l"},
    "the original": {"model": "grounding-dino-swin-t"},
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_no_type_of_ours_is_in_the_config(variant: str) -> None:
    ours = registered_by_us()
    assert {"TeacherGroundingDINO", "LoadPicture", "ProbeHook", "MergedGroupsConstructor"} <= ours
    config = config_of(**VARIANTS[variant])
    assert not ours & set(types_in(config))
    assert not {"custom_imports", "runner_type"} & config.keys()
    assert "train_teacher" not in str(config)


def test_the_table_names_every_type_of_ours_that_a_config_has_and_no_other() -> None:
    table = msgspec.yaml.decode(TABLE.read_bytes(), type=Table)
    theirs = set()
    for values in VARIANTS.values():
        theirs |= set(types_in(config_of(**{**values, "plain": False})))
    in_models = {"TeacherGroundingDINO", "ConfiguredBertModel"}
    assert theirs & registered_by_us() == (table.types.keys() | table.wrappers) | in_models


def test_freezing_is_the_recipes() -> None:
    config = config_of()
    assert config["model"]["type"] == "GroundingDINO"
    assert config["model"]["backbone"]["frozen_stages"] == 4
    keys = config["optim_wrapper"]["paramwise_cfg"]["custom_keys"]
    assert keys["backbone"] == keys["language_model"] == {"lr_mult": 0.0}
    assert config["load_from"] == BASE
    assert config_of(tune="full")["model"]["backbone"]["frozen_stages"] == -1


def test_data_and_tuned_values_stay() -> None:
    plain, ours = config_of(), config_of(plain=False)
    assert plain["param_scheduler"] == ours["param_scheduler"]
    assert plain["optim_wrapper"]["optimizer"] == ours["optim_wrapper"]["optimizer"]
    assert plain["model"]["test_cfg"] == ours["model"]["test_cfg"]
    assert plain["model"]["dn_cfg"] == ours["model"]["dn_cfg"]
    dataset = ours["train_dataloader"]["dataset"]["dataset"]
    for name in ("ann_file", "data_prefix", "metainfo", "filter_cfg"):
        assert plain["train_dataloader"]["dataset"][name] == dataset[name]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"tune": "lora"}, "no LoRA"),
        ({"checkpoint_layers": 3}, "no checkpoint_layers"),
        ({"decided": Decided(fit_batch=True)}, "--batch-size auto"),
    ],
)
def test_what_it_cannot_do_is_refused_by_name(values: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=f"--plain: .*{words}"):
        generate_mmdet_config(make_info(), make_settings(plain=True, **values))


def test_classes_of_more_than_one_prompt_are_refused_with_their_tokens() -> None:
    many = PromptInfo("", 300 * 4 + 2, 256, True, (3,) * 300)
    info = msgspec.structs.replace(make_info(), prompt=many)
    with pytest.raises(UsageError, match="--plain: the classes need 1202 tokens"):
        generate_mmdet_config(info, make_settings(plain=True))
