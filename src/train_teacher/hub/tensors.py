"""Weights carried bit for bit between MMDetection's names and transformers', both ways."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from train_teacher.hub.names import (
    PARTS,
    Change,
    Place,
    layout_of_mmdet,
    layout_of_transformers,
    to_mmdet,
    to_transformers,
)

if TYPE_CHECKING:
    from torch import Tensor

HEADS = ("bbox_embed.", "class_embed.")


def transformers_tensors(weights: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """Return a detector's weights by transformers' names, and names that have no place there."""
    layout = layout_of_mmdet(weights)
    found: dict[str, Tensor] = {}
    unplaced = []
    for name, tensor in weights.items():
        places = to_transformers(name, layout)
        if places is None:
            unplaced.append(name)
            continue
        for place in places:
            found[place.name] = _for_transformers(tensor, place)
            if place.name.startswith(HEADS):
                # The decoder's are the same heads; version 5 reinitializes absent ones.
                found[f"model.decoder.{place.name}"] = found[place.name].clone()
    return found, unplaced


def mmdet_tensors(weights: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """Return weights by MMDetection's names, and transformers' names that have no place there."""
    from torch import cat

    layout = layout_of_transformers(weights)
    found: dict[str, Tensor] = {}
    parts: dict[str, dict[int, Tensor]] = {}
    unplaced = []
    for name, tensor in weights.items():
        place = to_mmdet(name, layout)
        if place is None:
            unplaced.append(name)
        elif place.change is Change.SPLIT:
            parts.setdefault(place.name, {})[place.part] = tensor
        else:
            found[place.name] = _for_mmdet(tensor, place.change)
    for name, thirds in parts.items():
        # Where a third is missing the whole is: the caller names it.
        if len(thirds) == len(PARTS):
            found[name] = cat([thirds[part] for part in range(len(PARTS))])
    return found, unplaced


def _for_transformers(tensor: Tensor, place: Place) -> Tensor:
    if place.change is Change.SPLIT:
        return tensor.chunk(len(PARTS))[place.part].clone()
    if place.change is Change.MERGING:
        # Column 4 * channel + 2 * row + column becomes the one of (column, row, channel).
        return _turned(tensor, (-1, 2, 2))
    return tensor.reshape(()) if place.change is Change.SCALAR else tensor


def _for_mmdet(tensor: Tensor, change: Change) -> Tensor:
    if change is Change.MERGING:
        return _turned(tensor, (2, 2, -1))
    return tensor.reshape(1) if change is Change.SCALAR else tensor


def _turned(tensor: Tensor, sizes: tuple[int, int, int]) -> Tensor:
    return tensor.reshape(*tensor.shape[:-1], *sizes).transpose(-3, -1).flatten(-3)
