"""Interpolation between base and trained weights (WiSE-FT: Wortsman et al., CVPR 2022)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

KEPT = (".lora_A.", ".lora_embedding_A.")
"""Of an adapter the product is scaled, by its second factor, which begins at zero."""


def interpolated(
    base: Mapping[str, Tensor], trained: Mapping[str, Tensor], alpha: float
) -> dict[str, Tensor]:
    """Return tensors between the base (0) and the trained ones (1), both ends exact.

    What the base lacks and what is no fraction stays as trained.
    """
    return {
        name: tensor
        if name not in base or not tensor.is_floating_point() or any(k in name for k in KEPT)
        else torch.lerp(base[name].to(tensor), tensor, alpha)
        for name, tensor in trained.items()
    }
