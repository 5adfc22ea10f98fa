"""Tensors with NaN or infinite values, found with one host-device sync."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from train_teacher.mmdet_plugin.upstream_internals import largest_magnitudes


def spoiled(tensors: Mapping[str, Tensor]) -> str | None:
    """Return the name of a tensor with NaN or infinite values, None when all are good.

    Args:
        tensors: of one device, any shapes; those of whole numbers are left out. They are judged
            with a single host-device sync.
    """
    floating = {name: t.detach() for name, t in tensors.items() if t.is_floating_point()}
    filled = {name: t for name, t in floating.items() if t.numel()}
    if not filled:
        return None
    largest = largest_magnitudes(list(filled.values()))
    good = torch.stack([value.float() for value in largest]).isfinite().tolist()
    return next((name for name, fine in zip(filled, good, strict=True) if not fine), None)
