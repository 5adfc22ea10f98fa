"""adapter_config.json is read as data: PEFT imports modules that it may name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from peft import LoraConfig

from train_teacher.core.errors import UserError
from train_teacher.teachers.lora_file import read_lora_config


def written(folder: Path, **changes: Any) -> Path:
    """Write what PEFT writes of an adapter, with members replaced."""
    LoraConfig(r=4, lora_alpha=8, target_modules=["a", "b"], modules_to_save=["c"]).save_pretrained(
        str(folder)
    )
    path = folder / "adapter_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    return path


def test_what_peft_wrote_is_read_back(tmp_path: Path) -> None:
    config = read_lora_config(written(tmp_path, base_model_name_or_path="x", peft_version="0.1"))
    assert (config.r, config.lora_alpha, config.modules_to_save) == (4, 8, ["c"])
    assert set(config.target_modules or ()) == {"a", "b"}
    assert isinstance(config.lora_alpha, int)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("megatron_config", {"a": 1}),
        ("megatron_core", "evil.module"),
        ("auto_mapping", {"parent_library": "evil"}),
        ("peft_type", "PROMPT_TUNING"),
        ("init_lora_weights", "pissa"),
        ("never_heard_of", 1),
    ],
)
def test_more_of_peft_than_we_write_is_refused(tmp_path: Path, key: str, value: object) -> None:
    with pytest.raises(UserError, match=rf"adapter_config.json: {key}: .*is nothing that"):
        read_lora_config(written(tmp_path, **{key: value}))


@pytest.mark.parametrize("changes", [{"r": "4"}, {"target_modules": {"a": 1}}, {"use_dora": 2}])
def test_a_value_of_another_type_is_damage(tmp_path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=f"{next(iter(changes))}"):
        read_lora_config(written(tmp_path, **changes))


def test_a_missing_or_cut_off_file_is_damage(tmp_path: Path) -> None:
    path = written(tmp_path)
    path.write_text(path.read_text()[:40])
    for place in (path, tmp_path / "none.json"):
        with pytest.raises(UserError, match="is damaged or missing"):
            read_lora_config(place)
