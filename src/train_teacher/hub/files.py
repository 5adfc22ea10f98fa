"""Checks of a safetensors file and its config.json that read no tensor and no pickle."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from train_teacher.hub.names import layout_of_transformers, to_mmdet

SUFFIX = ".safetensors"
WEIGHTS = f"model{SUFFIX}"
CONFIG = "config.json"
MODEL_TYPE = "mm-grounding-dino"
LENGTH_BYTES = 8
LARGEST_HEADER = 100_000_000
"""As the format's own reader has it."""

Shapes = Mapping[str, tuple[int, ...]]
# Figures of config.json and the first axis of the tensor that has them too.
_FIGURES = {
    "num_queries": "model.query_position_embeddings.weight",
    "num_feature_levels": "model.level_embed",
    "d_model": "model.text_projection.weight",
    "encoder_ffn_dim": "model.encoder.layers.0.deformable_layer.fc1.weight",
    "decoder_ffn_dim": "model.decoder.layers.0.fc1.weight",
    "backbone_config.embed_dim": "model.backbone.conv_encoder.model.embeddings.patch_embeddings."
    "projection.weight",
}


class _Entry(msgspec.Struct):
    shape: tuple[int, ...]
    data_offsets: tuple[int, int]


class _DamagedError(Exception):
    """The file is damaged."""


def safetensors_problem(path: Path) -> str | None:
    """Return the reason why a file is no MM Grounding DINO of transformers, or None."""
    try:
        shapes = _read_shapes(path)
    except _DamagedError as error:
        return str(error)
    layout = layout_of_transformers(shapes)
    if not layout.decoder_layers or not any(to_mmdet(name, layout) for name in shapes):
        return (
            "holds no MM Grounding DINO in transformers' names (the first of its "
            f"{len(shapes)} tensors is {next(iter(shapes), 'none')})"
        )
    if "model.encoder_output_class_embed.bias" not in shapes:
        return "holds the original Grounding DINO, whose classifier has no bias"
    config = path.with_name(CONFIG)
    return _lie_of(config, shapes) if config.is_file() else None


def _read_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(LENGTH_BYTES), "little")
        if length > min(size - LENGTH_BYTES, LARGEST_HEADER):
            raise _DamagedError("is cut off, or no safetensors file: its header is longer than it")
        header = file.read(length)
    try:
        raw = msgspec.json.decode(header, type=dict[str, msgspec.Raw])
        raw.pop("__metadata__", None)
        entries = {name: msgspec.json.decode(entry, type=_Entry) for name, entry in raw.items()}
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise _DamagedError(f"is damaged: its header cannot be read ({error})") from error
    end = max((entry.data_offsets[1] for entry in entries.values()), default=0)
    if LENGTH_BYTES + length + end != size:
        raise _DamagedError(
            f"is cut off or damaged: it has {size:,} bytes, and its header is for "
            f"{LENGTH_BYTES + length + end:,}"
        )
    return {name: entry.shape for name, entry in entries.items()}


def _lie_of(config: Path, shapes: Shapes) -> str | None:
    """Return the facts of a config.json that its weights do not show."""
    try:
        said = msgspec.json.decode(config.read_bytes(), type=dict[str, Any])
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        return f"has a {CONFIG} beside it that cannot be read ({error})"
    if said.get("model_type") != MODEL_TYPE:
        return f"has a {CONFIG} beside it of another model_type: {said.get('model_type')!r}"
    layout = layout_of_transformers(shapes)
    figures = {key: (shapes.get(name) or (None,))[0] for key, name in _FIGURES.items()}
    figures["decoder_layers"] = layout.decoder_layers
    for key, found in figures.items():
        node: Any = said
        for part in key.split("."):
            node = node.get(part) if isinstance(node, dict) else None
        if node is not None and node != found:
            return f"is not what the {CONFIG} beside it says: {key} {node} there, {found} here"
    return None
