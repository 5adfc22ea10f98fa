"""A file that only looks like transformers' weights is refused by its header, with one message."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from train_teacher.core.errors import UserError
from train_teacher.hub.files import safetensors_problem
from train_teacher.mmdet_plugin.checkpoints.base import read_state_dict
from train_teacher.weights.files import problem_with

SMALL = {
    "model.decoder.layers.0.fc1.weight": (128, 256),
    "model.decoder.layers.1.fc1.weight": (128, 256),
    "model.query_position_embeddings.weight": (40, 256),
    "model.level_embed": (4, 256),
    "model.text_projection.weight": (256, 768),
    "model.encoder_output_class_embed.bias": (),
}
CONFIG = {"model_type": "mm-grounding-dino", "decoder_layers": 2, "num_queries": 40}


def written(folder: Path, config: object = None, without: str = "") -> Path:
    path = folder / "model.safetensors"
    save_file({n: torch.zeros(s) for n, s in SMALL.items() if n != without}, path)
    if config is not None:
        (folder / "config.json").write_text(json.dumps(config))
    return path


def test_a_sound_file_is_accepted_with_and_without_its_config(tmp_path: Path) -> None:
    assert problem_with(written(tmp_path)) is None
    assert problem_with(written(tmp_path, CONFIG)) is None


@pytest.mark.parametrize("length", [4, 60, -1000, -1])
def test_a_file_that_is_cut_off_is_told(tmp_path: Path, length: int) -> None:
    path = written(tmp_path)
    path.write_bytes(path.read_bytes()[:length])
    assert "is cut off" in str(problem_with(path))


@pytest.mark.parametrize("damage", [b"\x00\xff\x00\xff", b"\xff\xff\xff\xff"])
def test_a_damaged_header_is_told(tmp_path: Path, damage: bytes) -> None:
    path = written(tmp_path)
    content = bytearray(path.read_bytes())
    content[20:24] = damage
    path.write_bytes(content)
    assert "is damaged: its header cannot be read" in str(problem_with(path))


def test_another_models_file_is_told_by_a_tensor(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_file({"bert.pooler.weight": torch.zeros(2)}, path)
    assert "holds no MM Grounding DINO" in str(problem_with(path))
    assert "bert.pooler.weight" in str(problem_with(path))


def test_the_original_grounding_dino_is_told_by_its_classifier(tmp_path: Path) -> None:
    path = written(tmp_path, without="model.encoder_output_class_embed.bias")
    assert "the original Grounding DINO" in str(safetensors_problem(path))


@pytest.mark.parametrize(
    ("lie", "told"),
    [
        ({"decoder_layers": 6}, "decoder_layers 6 there, 2 here"),
        ({"num_queries": 900}, "num_queries 900 there, 40 here"),
        ({"d_model": 512}, "d_model 512 there, 256 here"),
        ({"model_type": "swin"}, "another model_type: 'swin'"),
    ],
)
def test_a_config_that_lies_is_told_with_both_figures(
    tmp_path: Path, lie: dict[str, object], told: str
) -> None:
    assert told in str(problem_with(written(tmp_path, {**CONFIG, **lie})))


@pytest.mark.parametrize("content", [b"{", b"[1]", b'{"model_type": "\xff"}'])
def test_a_config_that_is_no_json_is_told(tmp_path: Path, content: bytes) -> None:
    path = written(tmp_path)
    (tmp_path / "config.json").write_bytes(content)
    assert "config.json beside it that cannot be read" in str(problem_with(path))


@pytest.mark.parametrize("entry", [{"shape": [64, 256]}, {"dtype": "F16"}, {"dtype": "X9"}])
def test_a_header_that_lies_about_a_tensor_is_told_when_it_is_read(
    tmp_path: Path, entry: dict[str, object]
) -> None:
    path = written(tmp_path)
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    header["model.decoder.layers.0.fc1.weight"].update(entry)
    changed = json.dumps(header).encode()
    path.write_bytes(len(changed).to_bytes(8, "little") + changed + content[8 + length :])
    with pytest.raises(UserError, match=r"model\.safetensors: missing or damaged"):
        read_state_dict(path)
