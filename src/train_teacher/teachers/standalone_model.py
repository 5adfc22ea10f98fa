"""A run in a form that MMDetection loads alone: config, weights and language model."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from train_teacher.config.merge import find_base_config
from train_teacher.config.python_text import Template, render_assignments
from train_teacher.core.atomic_file import write_atomically
from train_teacher.core.errors import UserError
from train_teacher.settings.schema import TeacherSettings
from train_teacher.teachers.adapter_folder import write_tensors

if TYPE_CHECKING:
    from mmengine.config import Config
    from torch import Tensor, nn

CONFIG = "config.py"
MERGED_CONFIG = Path(__file__).with_name("merged_config.yaml")
WEIGHTS = "model.pth"
LANGUAGE_MODEL = "language_model"
# What AutoTokenizer and BertConfig read; a folder rarely has all of them.
LANGUAGE_FILES = (
    "config.json",
    "vocab.txt",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
)


def refuse_own_code(language_model: Path) -> None:
    """Refuse a language model that brings its own Python: MMDetection's tokenizer may run it.

    Raises:
        UserError: a file of the folder says `auto_map`, or is damaged.
    """
    for path in (language_model / name for name in LANGUAGE_FILES if name.endswith(".json")):
        try:
            content = msgspec.json.decode(path.read_bytes()) if path.is_file() else {}
        except (OSError, msgspec.DecodeError) as error:
            raise UserError(f"{path}: is missing or damaged: {error}.") from error
        if isinstance(content, dict) and "auto_map" in content:
            raise UserError(
                f"{path}: auto_map names Python code that would be run with the language model. "
                "teacher export writes no such file: put back the one of the language model."
            )


def build_trained_detector(run_config: Config, checkpoint: Path | None) -> nn.Module:
    """Build the detector of a run with one of its checkpoints; None leaves the base as it is.

    Raises:
        UserError: the base is missing or another one, or the checkpoint is damaged.
    """
    from mmdet.registry import MODELS
    from mmdet.utils import register_all_modules

    from train_teacher.mmdet_plugin.checkpoints.files import (
        fill_from_base,
        is_slim,
        read_checkpoint,
    )

    content = read_checkpoint(checkpoint) if checkpoint else None
    register_all_modules(init_default_scope=True)
    model: nn.Module = MODELS.build(run_config.model)
    if content and checkpoint:
        if is_slim(content):
            fill_from_base(content, model, checkpoint)
        model.load_state_dict(content["state_dict"], strict=False)
    return model.eval()


def plain_model(settings: TeacherSettings, run_model: Mapping[str, Any]) -> dict[str, Any]:
    """Return a detector's config with nothing of train-teacher in it.

    What depends on the data is taken from `model` of the run's config.
    """
    from mmengine.config import Config

    base = Config.fromfile(find_base_config(settings.base_config), import_custom_modules=False)
    model: dict[str, Any] = base.to_dict()["model"]
    for key, value in settings.architecture.items():
        _set(model, key.removeprefix("model.").split("."), value)
    # MMEngine puts the config's own folder there when it reads the file.
    model["language_model"]["name"] = Template("{{ fileDirname }}/" + LANGUAGE_MODEL)
    model["backbone"]["init_cfg"] = None
    model["backbone"]["with_cp"] = False
    model["encoder"]["num_cp"] = 0
    model["bbox_head"]["num_classes"] = run_model["bbox_head"]["num_classes"]
    model["test_cfg"] = dict(run_model["test_cfg"])
    return model


def plain_config(
    model: Mapping[str, Any], validation: Sequence[Mapping[str, Any]], class_names: Sequence[str]
) -> str:
    """Return the text of a config with nothing of train-teacher in it."""
    import yaml

    pipeline = [_plain(transform) for transform in validation]
    content = yaml.safe_load(MERGED_CONFIG.read_text(encoding="utf-8"))
    content["model"], content["test_pipeline"] = model, pipeline
    content["test_dataloader"]["dataset"] |= {
        "metainfo": {"classes": tuple(class_names)},
        "pipeline": pipeline,
    }
    return render_assignments(content, {})


def _plain(transform: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a transform of MMDetection's own: ours differs in its messages only."""
    if transform["type"] != "LoadPicture":
        return transform
    own = {name: value for name, value in transform.items() if name != "skip_unreadable"}
    return {**own, "type": "LoadImageFromFile"}


def _set(node: Any, path: list[str], value: Any) -> None:
    for name in path[:-1]:
        node = node[int(name)] if isinstance(node, list) else node[name]
    node[path[-1]] = value


def write_plain_model(
    folder: Path,
    config_text: str,
    model: nn.Module,
    class_names: list[str],
    language_model: Path,
    *,
    half: bool,
) -> None:
    """Write config, weights and language model of a detector, whose adapters are merged into it.

    `half` stores 16 bits a number.

    Raises:
        UserError: the system refuses.
    """
    from train_teacher.mmdet_plugin.lora.adapters import merge_adapters

    merge_adapters(model)
    weights: Mapping[str, Tensor] = model.state_dict()
    meta = {"dataset_meta": {"classes": tuple(class_names)}}
    write_tensors(folder / WEIGHTS, meta, weights, half=half)
    write_atomically(folder / CONFIG, config_text)
    write_language_model(folder / LANGUAGE_MODEL, language_model)


def write_language_model(folder: Path, source: Path, *, with_weights: bool = False) -> None:
    """Copy config and vocabulary; mmdet's BertModel wants a weights file beside them.

    Args:
        with_weights: copy the source's own weights; else one tensor has to do, because those of
            the detector's checkpoint are loaded over it.

    Raises:
        UserError: the source has no weights, or the system refuses.
    """
    import torch
    from safetensors.torch import save
    from transformers import BertConfig

    from train_teacher.mmdet_plugin.model.language_model import WEIGHT_FILES

    names = WEIGHT_FILES if with_weights else ()
    if with_weights and not any((source / name).is_file() for name in names):
        raise UserError(
            f"--language-model {source}: has no weights ({' or '.join(names)}), and with --weights "
            "none there is no other source. Add the file or give --weights."
        )
    try:
        folder.mkdir(exist_ok=True)
        for name in (*LANGUAGE_FILES, *names):
            if (source / name).is_file():
                shutil.copyfile(source / name, folder / name)
    except OSError as error:
        raise UserError(f"{folder}: cannot be written: {error.strerror}.") from error
    if not with_weights:
        width = BertConfig.from_pretrained(source, local_files_only=True).hidden_size
        tensors = {"embeddings.LayerNorm.weight": torch.ones(width)}
        write_atomically(folder / WEIGHT_FILES[0], save(tensors, metadata={"format": "pt"}))
