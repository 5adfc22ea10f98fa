"""An edited config is read back without loss: settings where they say it, else edits."""

from pprint import pformat
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from demo_model import make_info, make_settings
from train_teacher.config import merge
from train_teacher.config.generate import generate_mmdet_config
from train_teacher.config.read_back import find_edits, settings_in
from train_teacher.settings.edits import edited_values

LEAVES = st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from([0.5, "a", "b.c"])
NAMES = st.sampled_from(["type", "a", "b", "dotted.name"])
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(NAMES, inner, max_size=3)
    ),
    max_leaves=12,
)
CONFIGS = st.dictionaries(st.sampled_from(["model", "hooks", "x"]), VALUES)


def content(**values: Any) -> dict[str, Any]:
    generated = generate_mmdet_config(make_info(), make_settings(**values))
    found: dict[str, Any] = merge.build_config(generated).to_dict()
    return found


@given(CONFIGS, CONFIGS)
def test_the_edits_of_a_config_put_into_it_give_the_edited_one(
    before: dict[str, Any], after: dict[str, Any]
) -> None:
    edits = dict(find_edits(before, after))
    for key, value in edited_values(edits).items():
        merge.put(before, key, value)
    # The order of keys is no matter, that of a list and every type are.
    assert pformat(before) == pformat(after)


@pytest.mark.parametrize(
    "values",
    [
        {"epochs": 9, "val_interval": 3, "lr": 3e-5, "seed": 7},
        {"tune": "lora", "lora_rank": 4, "lora_dropout": 0.1, "freeze": ["neck"]},
        {"tune": "full", "freeze": ["language_model"]},
        {"tune": "full", "freeze": [], "unfreeze_at": 2},
        {"tune": "full", "freeze": ["encoder"], "unfreeze_at": 1},
        {"tune": "frozen", "freeze": ["encoder"], "precision": "bf16", "device": "cuda"},
        {"accumulation": 3, "batch_size": 2, "workers": 2, "val_batch_size": 4},
        {"train_scales": [[300, 900], [400, 900]], "val_scale": [500, 900], "early_stopping": 3},
        {"weight_decay": 0.01, "clip_grad": 0.5, "max_per_img": 33},
    ],
)
def test_what_settings_made_of_a_config_is_read_back_as_these_settings(
    values: dict[str, Any],
) -> None:
    found = settings_in(content(**values))
    assert {name: found[name] for name in values if name != "device"} == {
        name: value for name, value in values.items() if name != "device"
    }


def test_where_things_lie_is_no_edit() -> None:
    one = content(weights="/w/a.pth", language_model="/bert")
    assert not list(find_edits(one, content(weights="/other/a.pth", language_model="/bert2")))
