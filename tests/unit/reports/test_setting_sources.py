"""The report says of every setting who gave it, and why it is what it is."""

from __future__ import annotations

from demo_model import make_info, make_settings
from train_teacher.config.generate import generate_mmdet_config
from train_teacher.reports.setting_sources import applies, setting_reasons, setting_sources
from train_teacher.settings.yaml_files import read_preset


def test_you_the_preset_the_data_and_the_default_are_told_apart() -> None:
    preset = read_preset("demo").values
    settings = make_settings(
        batch_size=2,
        val_interval=3,
        chosen=["val_interval"],
        weights=preset["checkpoint"],
        clip_grad=0.1,
    )
    sources = setting_sources(settings, preset)
    assert sources["batch_size"] == "you"
    assert sources["data"] == "you"
    assert sources["val_interval"] == "chosen from the data"
    assert sources["max_per_img"] == sources["weights"] == "preset"
    assert sources["clip_grad"] == sources["optimizer"] == sources["freeze"] == "default"


def test_a_preset_that_is_gone_leaves_the_rest_as_it_is() -> None:
    sources = setting_sources(make_settings(), {})
    assert (sources["seed"], sources["lr"]) == ("default", "you")


def test_a_name_that_became_a_folder_is_still_the_name() -> None:
    settings = make_settings(language_model="/cache/bert-base-uncased")
    assert setting_sources(settings, {})["language_model"] == "default"


def test_chosen_values_have_the_reasons_of_the_dry_run() -> None:
    settings = make_settings("swin-t", chosen=["workers"], workers=2)
    reasons = setting_reasons(generate_mmdet_config(make_info(), settings), settings)
    assert {"lr", "epochs", "val_interval", "train_scales", "val_scale", "max_per_img"} <= set(
        reasons
    )
    assert {"batch_size", "workers", "denoising_queries", "schedule"} <= set(reasons)
    assert reasons["batch_size"].endswith("images in an optimizer step")
    assert not any(reason.startswith(("set by you", "given")) for reason in reasons.values())


def test_what_did_nothing_is_not_shown() -> None:
    assert not applies("chosen", ["lr"], "frozen")
    assert not applies("lora_rank", 16, "frozen")
    assert applies("lora_rank", 16, "lora")
    assert not applies("test", None, "frozen")
    assert applies("seed", 0, "frozen")
    assert applies("random_crop", False, "frozen")
