"""Reading of a run's checkpoints: damage is reported, the base compared, frozen tensors added."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor, nn

from train_teacher.core.errors import UserError
from train_teacher.mmdet_plugin.checkpoints.base_identity import refuse_other_base
from train_teacher.mmdet_plugin.checkpoints.hook import (
    EMA_PREFIX,
    FOLDER,
    LAST,
    PREVIOUS,
    trust_mmengine_types,
)
from train_teacher.mmdet_plugin.checkpoints.spoiled import spoiled


def read_checkpoint(path: Path, map_location: Any = "cpu") -> dict[str, Any]:
    """Read a checkpoint of a run, without running its pickle.

    Args:
        path: `last.pth` or `best.pth`.

    Returns:
        Its content; `state_dict` and `meta` are there.

    Raises:
        UserError: it is missing, damaged or something else.
    """
    if not path.is_file():
        raise UserError(f"{path}: there is no such checkpoint.")
    trust_mmengine_types()
    try:
        # PyTorch does not compare the checksums of the tensors that it reads.
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
        if damaged:
            raise UserError(f"{path}: is damaged: {damaged} in it is not what was written.")
        content = torch.load(path, map_location=map_location, weights_only=True)
    except UnpicklingError as error:
        raise UserError(
            f"{path}: is not a checkpoint of plain tensors, so it is not loaded (it could run "
            "code). train-teacher writes no such file: it is from elsewhere."
        ) from error
    except (OSError, RuntimeError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(f"{path}: is cut off, damaged or not a checkpoint.") from error
    parts = ("state_dict", "meta")
    if not isinstance(content, dict) or not all(isinstance(content.get(p), dict) for p in parts):
        raise UserError(f"{path}: is not a checkpoint of a run (no `state_dict` and `meta`).")
    return content


def is_slim(checkpoint: Mapping[str, Any]) -> bool:
    """Return whether a checkpoint holds only what training changed."""
    return bool(checkpoint["meta"].get("base"))


def fill_from_base(checkpoint: dict[str, Any], model: nn.Module, source: Path) -> None:
    """Add the tensors of the base to a checkpoint of trained tensors, in place.

    Args:
        checkpoint: from `read_checkpoint`.
        model: built from the same settings, holding its base weights.

    Raises:
        UserError: another base, or other trained tensors than the model's.
    """
    refuse_other_base(source, checkpoint["meta"]["base"], getattr(model, "base_identity", None))
    own = model.state_dict()
    slim: Mapping[str, Tensor] = checkpoint["state_dict"]
    _refuse_other_settings(source, model, own, slim)
    checkpoint["state_dict"] = {**own, **slim}
    if "ema_state_dict" in checkpoint:
        ema = {f"{EMA_PREFIX}{name}": tensor for name, tensor in own.items()}
        checkpoint["ema_state_dict"] = {**ema, **checkpoint["ema_state_dict"]}


def _refuse_other_settings(
    source: Path, model: nn.Module, own: Mapping[str, Tensor], slim: Mapping[str, Tensor]
) -> None:
    trained = {name for name, p in model.named_parameters() if p.requires_grad}
    wrong = (slim.keys() - own.keys()) | (trained - slim.keys())
    wrong |= {n for n in slim.keys() & own.keys() if slim[n].shape != own[n].shape}
    if wrong:
        first = min(wrong)
        there = tuple(slim[first].shape) if first in slim else "absent"
        here = tuple(own[first].shape) if first in own else "absent"
        raise UserError(
            f"{source}: belongs to a run with other settings (tune, freeze, lora_*, classes): "
            f"{len(wrong)} tensors differ, such as {first}: file {there}, model {here}."
        )


def newest_checkpoint(run: Path, warn: Callable[[str], None]) -> Path | None:
    """Return the checkpoint to resume from: `last.pth`, or the one before when it is damaged.

    Args:
        warn: called with a sentence when the older one is used.

    Returns:
        The file; None before the first checkpoint.

    Raises:
        UserError: there are checkpoints, and none can be read.
    """
    problems = []
    for name in (LAST, PREVIOUS):
        path = run / FOLDER / name
        if not path.exists():
            continue
        try:
            content = read_checkpoint(path)
            if bad := spoiled(content["state_dict"]):
                raise UserError(f"{path}: {bad} in it is NaN or infinite.")
            epoch = content["meta"].get("epoch")
        except UserError as error:
            problems.append(str(error))
            continue
        if problems:
            warn(f"{problems[0]} Going on from {path.name}, the end of epoch {epoch}.")
        return path
    if problems:
        raise UserError("\n".join([*problems, "There is no older checkpoint to resume from."]))
    return None
