"""Activation checkpointing of chosen encoder layers, without fairscale.

mmdet wraps encoder layers with fairscale (grounding_dino_layers.py:158-167), which recomputes in
fp16 whatever the step runs in, and whose copies run the original's weights. PyTorch's own
non-reentrant checkpoint has neither fault and works where no input needs a gradient (LoRA).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from mmdet.models.layers.transformer.deformable_detr_layers import (
    DeformableDetrTransformerEncoderLayer,
)
from mmdet.models.utils.vlfuse_helper import SingleScaleBiAttentionBlock
from torch.utils.checkpoint import checkpoint


class CheckpointedEncoderLayer(DeformableDetrTransformerEncoderLayer):
    """mmdet's image layer; `checkpointed` says whether it is recomputed in the backward pass."""

    checkpointed = False

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Run the layer; arguments and result are mmdet's."""
        return _run(self, super().forward, args, kwargs)


class CheckpointedFusionLayer(SingleScaleBiAttentionBlock):
    """mmdet's image-text layer; `checkpointed` as above."""

    checkpointed = False

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Run the layer; arguments and result are mmdet's."""
        return _run(self, super().forward, args, kwargs)


def _run(
    layer: CheckpointedEncoderLayer | CheckpointedFusionLayer,
    forward: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Any:
    if layer.checkpointed and layer.training and torch.is_grad_enabled():
        return checkpoint(forward, *args, use_reentrant=False, **kwargs)
    return forward(*args, **kwargs)


RECOMPUTED: Mapping[type, type] = {
    DeformableDetrTransformerEncoderLayer: CheckpointedEncoderLayer,
    SingleScaleBiAttentionBlock: CheckpointedFusionLayer,
}


def checkpoint_layers(encoder: Any, count: int) -> None:
    """Let the first `count` image and fusion layers be recomputed instead of kept."""
    for layers in (encoder.layers, encoder.fusion_layers):
        for place, layer in enumerate(layers):
            if place < count:
                layer.__class__ = RECOMPUTED.get(type(layer), type(layer))
            layer.checkpointed = place < count
