"""The config of a merged model holds data only, whatever the classes and settings are called."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from mmengine.config import Config

from demo_model import build_config, make_info, make_settings
from train_teacher.core.errors import UserError
from train_teacher.teachers.standalone_model import plain_config, plain_model, refuse_own_code

NAMES = (
    "{{ fileDirname }}",
    "{{$HOME:x}}",
    "{{_base_.model}}",
    "'; raise SystemExit('run') #",
    "a\nb\\",
    '"""',
)


def written(folder: Path, names: tuple[str, ...] = NAMES, **settings: Any) -> Any:
    resolved = make_settings(val_scale=[160, 160], **settings)
    config = build_config(resolved, make_info(names))
    model = plain_model(resolved, config.model.to_dict())
    pipeline = config.val_dataloader.dataset.to_dict()["pipeline"]
    path = folder / "config.py"
    path.write_text(plain_config(model, pipeline, names), encoding="utf-8")
    return Config.fromfile(path)


def test_class_names_are_read_back_as_they_are(tmp_path: Path) -> None:
    config = written(tmp_path)
    assert config.test_dataloader.dataset.metainfo.classes == NAMES


def test_the_language_model_is_found_beside_the_config(tmp_path: Path) -> None:
    assert written(tmp_path).model.language_model.name == f"{tmp_path}/language_model"


def test_a_key_with_python_in_it_stays_a_key(tmp_path: Path) -> None:
    key = "a': __import__('os')._exit(7), 'b"
    loss = {"type": "L1Loss", key: [1, 2]}
    config = written(tmp_path, architecture={"model.bbox_head.loss_bbox": loss})
    assert config.model.bbox_head.loss_bbox == loss


@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json"])
def test_a_language_model_with_code_of_its_own_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text(json.dumps({"model_type": "bert"}))
    refuse_own_code(tmp_path)
    path.write_text('{"\\u0061uto_map": {"AutoTokenizer": ["evil.Evil", null]}}')
    with pytest.raises(UserError, match=f"{path}: auto_map names Python code"):
        refuse_own_code(tmp_path)
