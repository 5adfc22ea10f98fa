"""A LoRA adapter in transformers' names, for PEFT on transformers' copy of the base."""

from __future__ import annotations

import re
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import msgspec

from train_teacher.core.atomic_file import write_atomically
from train_teacher.core.errors import UserError
from train_teacher.core.file_digest import sha256_of
from train_teacher.hub.names import UNPAIRED, Layout, layout_of_mmdet, to_transformers
from train_teacher.hub.tensors import HEADS, transformers_tensors
from train_teacher.runs.folder import CARD
from train_teacher.teachers.adapter_folder import CONFIG, WEIGHTS
from train_teacher.teachers.card import TeacherCard, card_text

_MLP = re.compile(r"(bbox_embed(?:\.\d+)?)\.layers\.\d+$")
"""A head of boxes is one module of three layers."""
_SCALAR = re.compile(r"class_embed(\.\d+)?\.bias$")


def rename_adapter(folder: Path, base: Mapping[str, Any], card: TeacherCard) -> None:
    """Give an adapter's files, which are there in MMDetection's names, those of transformers.

    Args:
        folder: with PEFT's two files; teacher.json is rewritten.
        base: weights of the base, by MMDetection's names.
        card: what teacher.json says.

    Raises:
        UserError: a layer of the adapter is three layers there, or none.
    """
    from safetensors.torch import load, save

    from train_teacher.mmdet_plugin.lora.adapters import SAVED_PREFIX

    layout = layout_of_mmdet(base)
    own = load((folder / WEIGHTS).read_bytes())
    names = {key: key.removeprefix(SAVED_PREFIX) for key in own}
    renamed = {key: _renamed(name, layout) for key, name in names.items() if name not in UNPAIRED}
    tensors = {f"{SAVED_PREFIX}{name}": own[key] for key, name in renamed.items()}
    tensors |= {name: t.reshape(()) for name, t in tensors.items() if _SCALAR.search(name)}
    config = msgspec.json.decode((folder / CONFIG).read_bytes())
    whole = (name.rpartition(".")[0] for name in renamed.values() if ".lora_" not in name)
    config["modules_to_save"] = sorted({_MLP.sub(r"\1", name) for name in whole})
    lora = (name for name in renamed.values() if ".lora_" in name)
    config["target_modules"] = sorted({name.split(".lora_")[0] for name in lora})
    write_atomically(folder / WEIGHTS, save(tensors, metadata={"format": "pt"}))
    text = msgspec.json.format(msgspec.json.encode(config), indent=2).decode()
    write_atomically(folder / CONFIG, f"{text}\n")
    card = msgspec.structs.replace(card, adapter_sha256=sha256_of(folder / WEIGHTS))
    write_atomically(folder / CARD, card_text(card))


def load_renamed(folder: Path, base: Mapping[str, Any], config: Mapping[str, Any]) -> Any:
    """Return transformers' base with a renamed adapter in it, as PEFT loads it."""
    from peft import PeftModel
    from transformers import MMGroundingDinoConfig, MMGroundingDinoForObjectDetection

    twin = MMGroundingDinoForObjectDetection(MMGroundingDinoConfig(**deepcopy(dict(config))))
    twin.load_state_dict(transformers_tensors(base)[0], strict=False)
    return PeftModel.from_pretrained(twin, str(folder)).eval().get_base_model()


def _renamed(name: str, layout: Layout) -> str:
    places = to_transformers(name, layout)
    if places is None or len(places) != 1:
        raise UserError(
            f"{name}: is no single layer in transformers, so the adapter has no place there. "
            "Export it with --merge, or train with the default lora_targets."
        )
    found = places[0].name
    # PEFT finds the heads of the decoder under its name first.
    return f"model.decoder.{found}" if found.startswith(HEADS) else found
