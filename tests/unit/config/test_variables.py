"""The names at the top of a written config mean exactly what the generator decided."""

import ast
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mmengine.config import Config

from demo_model import make_info, make_settings
from train_teacher.config import merge
from train_teacher.config.generate import generate_mmdet_config, reasons_by_key
from train_teacher.config.variables import layout, with_variables
from train_teacher.inspection.facts import PromptInfo

NAMES = st.text(min_size=1, max_size=12)
SIDES = st.integers(100, 900)
SETTINGS = st.fixed_dictionaries(
    {},
    optional={
        "epochs": st.integers(1, 40),
        "batch_size": st.integers(1, 8),
        "workers": st.integers(0, 3),
        "val_batch_size": st.integers(1, 8),
        "seed": st.integers(0, 5),
        "lr": st.sampled_from([1e-3, 5e-5, 1.0]),
        "train_scales": st.lists(SIDES.map(lambda side: [side, 900]), min_size=1, max_size=3),
        "val_scale": SIDES.map(lambda side: [side, 900]),
        "schedule": st.sampled_from(["multistep", "cosine", "constant", "plateau"]),
        "class_balance": st.sampled_from([0.0, 0.1]),
        "tune": st.sampled_from(["frozen", "lora", "full"]),
        "weights": st.sampled_from(["none", "/w/base.pth"]),
    },
)


def executed(text: str) -> dict[str, Any]:
    scope: dict[str, Any] = {}
    exec(text, {}, scope)
    return scope


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(SETTINGS, st.lists(NAMES, min_size=2, max_size=2, unique=True), NAMES)
def test_every_value_of_the_run_is_what_the_text_evaluates_to(
    values: dict[str, Any], classes: list[str], folder: str
) -> None:
    info = make_info(tuple(classes))
    info = msgspec.structs.replace(info, image_dir=f"/{folder}")
    generated = generate_mmdet_config(info, make_settings(**values))
    content = merge.build_config(generated).to_dict()
    text = merge.render_config(Config(content), "", reasons_by_key(generated.overrides))
    found = executed(text)
    for key, value in content.items():
        assert repr(found[key]) == repr(value), key


@pytest.mark.parametrize("fits", [True, False])
def test_each_absolute_path_and_the_class_names_stand_once(fits: bool, tmp_path: Path) -> None:
    info = make_info()
    if not fits:
        info = msgspec.structs.replace(info, prompt=PromptInfo("", 300, 256, True, (3, 3)))
    given = make_settings(weights="/w/base.pth", language_model="/bert")
    config = merge.build_config(generate_mmdet_config(info, given))
    text = merge.render_config(config, "", {})
    strings = [
        node.value
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    for path in (given.output, "/w/base.pth", "/bert"):
        assert [s for s in strings if path in s] == [path]
    assert strings.count("red circle") == 1


def test_an_edited_name_changes_every_place_that_it_stands_for(tmp_path: Path) -> None:
    config = merge.build_config(generate_mmdet_config(make_info(), make_settings(epochs=7)))
    text = merge.render_config(config, "", {})
    edited = executed(text.replace("max_epochs = 7", "max_epochs = 9"))
    assert edited["train_cfg"]["max_epochs"] == 9
    assert {s["end"] for s in edited["param_scheduler"] if s["by_epoch"]} == {9}
    assert executed(text.replace("seed = 0", "seed = 4"))["custom_hooks"][0]["seed"] == 4


def test_a_number_that_means_something_else_keeps_its_digits() -> None:
    content = {
        "train_cfg": {"max_epochs": 20},
        "param_scheduler": [{"by_epoch": False, "end": 20}, {"by_epoch": True, "end": 20.0}],
    }
    named, _ = with_variables(content)
    assert named == {"max_epochs": 20, **content, "train_cfg": {"max_epochs": "max_epochs"}}


def test_the_test_split_is_the_validation_split_where_there_is_no_other() -> None:
    info = make_info()
    without = msgspec.structs.replace(
        info, splits=tuple(s for s in info.splits if s.name != "test")
    )
    text = merge.render_config(
        merge.build_config(generate_mmdet_config(without, make_settings())), "", {}
    )
    assert "\ntest_dataloader = val_dataloader\n" in text
    assert "\ntest_evaluator = val_evaluator\n" in text


def test_every_variable_of_the_table_is_found_in_a_config() -> None:
    given = make_settings("swin-t", weights="/w/base.pth")
    config = merge.build_config(generate_mmdet_config(make_info(), given))
    named, _ = with_variables(config.to_dict())
    assert {variable.name for variable in layout().variables} <= set(named)
