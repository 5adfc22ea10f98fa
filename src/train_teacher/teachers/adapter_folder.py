"""`adapter/`: PEFT's own files and `teacher.json`, written atomically and checked when read."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET

from train_teacher.core.atomic_file import PARTIAL, write_atomically
from train_teacher.core.errors import UserError
from train_teacher.core.file_digest import sha256_of
from train_teacher.hub.names import Change, layout_of_mmdet, to_mmdet
from train_teacher.runs.folder import CARD
from train_teacher.teachers.card import BaseFile, Preprocessing, TeacherCard, card_text, parse_card
from train_teacher.teachers.lora_file import read_lora_config

if TYPE_CHECKING:
    from torch import Tensor, nn

WEIGHTS = "adapter_model.safetensors"
CONFIG = "adapter_config.json"
CHANGES = "teacher.pth"
SHOWN_CHARACTERS = 200


def base_of(model: nn.Module) -> BaseFile | None:
    """Return the base checkpoint that a detector was built from."""
    identity = getattr(model, "base_identity", None)
    return BaseFile(identity.name, identity.sha256) if identity else None


def preprocessing_of(model_config: dict[str, Any], scale: list[int]) -> Preprocessing:
    """Return the preprocessing of a config's `model` at [short, long] pixels of validation."""
    preprocessor = model_config["data_preprocessor"]
    return Preprocessing(
        scale=list(scale),
        mean=[float(value) for value in preprocessor["mean"]],
        std=[float(value) for value in preprocessor["std"]],
        channels="RGB" if preprocessor.get("bgr_to_rgb") else "BGR",
        pad_size_divisor=int(preprocessor.get("pad_size_divisor", 1)),
    )


def write_adapter(folder: Path, model: nn.Module, checkpoint: Path, card: TeacherCard) -> None:
    """Write an adapter into a folder of its own; an existing one is replaced as a whole.

    The folder is of a run that no other process writes.

    Raises:
        UserError: the checkpoint is damaged, or the folder cannot be written.
    """
    partial = folder.with_name(f".{folder.name}{PARTIAL}")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        partial.mkdir(parents=True)
    except OSError as error:
        raise UserError(f"{folder}: cannot be written: {error.strerror}.") from error
    try:
        fill_adapter(partial, model, checkpoint, card)
        shutil.rmtree(folder, ignore_errors=True)
        partial.replace(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def fill_adapter(
    folder: Path, model: nn.Module, checkpoint: Path, card: TeacherCard, *, half: bool = False
) -> None:
    """Write a checkpoint's adapter, which has the shape of the model's, in PEFT's format.

    The card's `adapter_sha256` is filled in; `half` stores 16 bits a number.

    Raises:
        UserError: the checkpoint is damaged, or the folder cannot be written.
    """
    from safetensors.torch import save

    from train_teacher.mmdet_plugin.checkpoints.files import read_checkpoint
    from train_teacher.mmdet_plugin.lora.adapters import adapter_tensors, lora_config

    config = lora_config(model)
    if config is None:
        raise ValueError("the model has no adapter")
    tensors = adapter_tensors(model, read_checkpoint(checkpoint)["state_dict"])
    saved: dict[str, Any] = config.to_dict()  # type: ignore[no-untyped-call]
    saved["inference_mode"] = True
    saved["base_model_name_or_path"] = card.base.name if card.base else None
    saved["target_modules"] = sorted(config.target_modules or ())
    content = save(_stored(tensors, half=half), metadata={"format": "pt"})
    write_atomically(folder / WEIGHTS, content)
    digest = sha256_of(folder / WEIGHTS)
    write_atomically(folder / CONFIG, _pretty(saved))
    card = msgspec.structs.replace(card, adapter_sha256=digest)
    write_atomically(folder / CARD, card_text(card))


def write_changes(folder: Path, checkpoint: Path, *, half: bool = False) -> None:
    """Write `teacher.pth`: the tensors that training changed, and the base they belong to.

    `half` stores 16 bits a number.

    Raises:
        UserError: the checkpoint is damaged, or the file cannot be written.
    """
    from train_teacher.mmdet_plugin.checkpoints.files import read_checkpoint

    content = read_checkpoint(checkpoint)
    meta = {"base": content["meta"].get("base")}
    write_tensors(folder / CHANGES, meta, content["state_dict"], half=half)


def write_tensors(
    path: Path, meta: dict[str, Any], tensors: Mapping[str, Tensor], *, half: bool
) -> None:
    """Write a checkpoint of PyTorch.

    Raises:
        UserError: the system refuses.
    """
    import io

    import torch

    buffer = io.BytesIO()
    torch.save({"meta": meta, "state_dict": _stored(tensors, half=half)}, buffer)
    write_atomically(path, buffer.getvalue())


def _pretty(values: dict[str, Any]) -> str:
    text = msgspec.json.encode(values, enc_hook=_plain, order="sorted")
    return msgspec.json.format(text, indent=2).decode() + "\n"


def _plain(value: Any) -> Any:
    """Convert values of PEFT's config to plain values."""
    if hasattr(value, "to_dict"):
        return value.to_dict()
    raise TypeError(f"{type(value).__name__} in a LoRA config")


def _stored(tensors: Mapping[str, Tensor], *, half: bool) -> dict[str, Tensor]:
    """Return tensors in the form in which they are stored."""
    return {
        n: t.half() if half and t.is_floating_point() else t.clone() for n, t in tensors.items()
    }


def read_card(folder: Path) -> TeacherCard:
    """Return the card of an adapter folder.

    Raises:
        UserError: there is no `teacher.json`, or it is damaged.
    """
    path = folder / CARD
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}): no adapter folder?") from error
    return parse_card(content, str(path))


def attach_adapter(model: nn.Module, folder: Path, name: str = "default") -> TeacherCard:
    """Load a saved adapter into a detector built from its base, in place, and activate it.

    Adapters of other names stay, and `use_adapter` brings them back.

    Raises:
        UserError: a file is damaged or missing, the base is another, or the model does not fit.
    """
    from peft import inject_adapter_in_model, set_peft_model_state_dict

    from train_teacher.mmdet_plugin.checkpoints.base_identity import refuse_other_base
    from train_teacher.mmdet_plugin.lora.adapters import SAVED_PREFIX, use_adapter
    from train_teacher.mmdet_plugin.lora.exact_attention import keep_base_exact

    card = read_card(folder)
    base = {"name": card.base.name, "sha256": card.base.sha256} if card.base else None
    refuse_other_base(folder, base, getattr(model, "base_identity", None))
    tensors = _read_tensors(folder / WEIGHTS, card.adapter_sha256)
    config = read_lora_config(folder / CONFIG)
    plain = {key.removeprefix(SAVED_PREFIX): tensor for key, tensor in tensors.items()}
    if card.captions is not UNSET:
        plain = _in_names_of_mmdet(plain, config, model)
    try:
        inject_adapter_in_model(config, model, adapter_name=name)
        outcome: Any = set_peft_model_state_dict(model, plain, adapter_name=name)
    except (ValueError, RuntimeError) as error:
        shown = " ".join(str(error).split())[:SHOWN_CHARACTERS]
        raise UserError(f"{folder}: does not fit the model: {shown}") from error
    keep_base_exact(model)
    absent = [key for key in outcome.missing_keys if f".{name}." in key]
    wrong = [*outcome.unexpected_keys, *absent]
    if wrong:
        raise UserError(f"{folder}: does not fit the model: {len(wrong)} tensors, as {wrong[0]}")
    use_adapter(model, name)
    model.requires_grad_(False).eval()
    return card


def _in_names_of_mmdet(tensors: dict[str, Tensor], config: Any, model: nn.Module) -> dict[str, Any]:
    """Return an adapter of transformers' names in MMDetection's, its config's lists in place."""
    layout = layout_of_mmdet(dict(model.named_parameters()))
    found = {}
    for name, tensor in tensors.items():
        place = to_mmdet(name, layout)
        own = place.name if place else name  # PEFT says that it has no place
        found[own] = tensor.reshape(1) if place and place.change is Change.SCALAR else tensor
    whole = (name.rpartition(".")[0] for name in found if ".lora_" not in name)
    config.modules_to_save = sorted(set(whole))
    config.target_modules = {name.split(".lora_")[0] for name in found if ".lora_" in name}
    return found


def _read_tensors(path: Path, wanted_sha256: str) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        if wanted_sha256 and sha256_of(path) != wanted_sha256:
            raise UserError(
                f"{path}: is damaged or another file: its SHA-256 is not the one in {CARD}."
            )
        tensors: dict[str, Tensor] = load_file(path)
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}.") from error
    except SafetensorError as error:
        raise UserError(f"{path}: is damaged: {error}.") from error
    return tensors
