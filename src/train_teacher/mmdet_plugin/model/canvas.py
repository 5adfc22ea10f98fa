"""An image in the corner of a larger canvas, processed as if it were alone.

MMDetection's batches let what is beside an image change what is found in it: Swin's windows see it,
and the neck's group norm counts it. A file for images of one size would be another detector.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import max_pool2d

PATCH = 4
"""Pixels of the first stage's tokens; every later level halves them."""
OTHER_WINDOW = -100.0
"""Added by Swin to the attention of tokens that are no neighbors."""


class Canvas:
    """Place of the image at each level of transformers' Grounding DINO."""

    def __init__(self, twin: Any) -> None:
        """Hook into every module that would see the padding beside the image."""
        self.masks: list[Tensor] = []
        swin = twin.model.backbone.conv_encoder.model
        swin.embeddings.register_forward_hook(lambda _m, _i, out: (self._hidden(out[0], 0), out[1]))
        for stage, layer in enumerate(swin.encoder.layers):
            for block in layer.blocks:
                block.layernorm_before.register_forward_hook(self._hide(stage))
                block.get_attn_mask = self._windows_of(block, stage)
            if layer.downsample is not None:
                layer.downsample.register_forward_pre_hook(
                    lambda _m, given, stage=stage: (self._hidden(given[0], stage), *given[1:])
                )
        self.levels = [int(name.removeprefix("stage")) - 1 for name in swin.hidden_states_norms]
        for stage, norm in zip(self.levels, swin.hidden_states_norms.values(), strict=True):
            norm.register_forward_hook(self._hide(stage))
        for level, projection in enumerate(twin.model.input_proj_vision):
            if level == len(self.levels):
                self.levels.append(self.levels[-1] + 1)
            projection[1] = _GroupNorm(projection[1], self, self.levels[level])
        twin.model.encoder_output_class_embed.register_forward_hook(self._choose_no_point_beside)

    @property
    def strides(self) -> list[int]:
        """Return pixels of a point of each level."""
        return [PATCH * 2**level for level in self.levels]

    def place(self, mask: Tensor) -> None:
        """Set the place of the image: (1, height, width), multiples of the coarsest stride."""
        self.masks = [max_pool2d(mask[:, None], PATCH)]
        while len(self.masks) <= self.levels[-1]:
            self.masks.append(max_pool2d(self.masks[-1], 2))

    def _hidden(self, tokens: Tensor, stage: int) -> Tensor:
        return tokens * self.masks[stage].flatten(2).transpose(1, 2)

    def _hide(self, stage: int) -> Callable[[Any, Any, Tensor], Tensor]:
        return lambda _module, _inputs, output: self._hidden(output, stage)

    def _windows_of(self, block: Any, stage: int) -> Callable[..., Tensor | None]:
        """Part shifted windows where those of the image alone would end."""
        of_whole, size, shift = block.get_attn_mask, block.window_size, block.shift_size

        def attention_mask(height: int, width: int, **options: Any) -> Tensor | None:
            own: Tensor | None = of_whole(height, width, **options)
            if own is None:
                return None
            place = self.masks[stage][0, 0]
            beside = [
                torch.arange(side) >= (place.amax(axis).sum() / size).ceil() * size
                for side, axis in ((height, 1), (width, 0))
            ]
            labels = 2 * beside[0].float()[:, None] + beside[1].float()[None]
            rolled = torch.roll(labels, (-shift, -shift), (0, 1))
            windows = rolled.view(height // size, size, width // size, size)
            windows = windows.transpose(1, 2).reshape(-1, size * size)
            differ = windows[:, None] != windows[:, :, None]
            return own + OTHER_WINDOW * differ.float()

        return attention_mask

    def _choose_no_point_beside(self, _module: Any, _inputs: Any, output: Tensor) -> Tensor:
        there = torch.cat([self.masks[level].flatten(1) for level in self.levels], 1)
        if output.shape[1] != there.shape[1]:
            return output  # of the chosen points
        return output.masked_fill(there[..., None] == 0, -float("inf"))


class _GroupNorm(nn.Module):
    """Group norm of an image's own points; the others become 0."""

    def __init__(self, norm: Any, canvas: Canvas, level: int) -> None:
        super().__init__()
        self.norm, self._canvas, self._level = norm, canvas, level

    def forward(self, features: Tensor) -> Tensor:
        mask = self._canvas.masks[self._level]
        groups = features.reshape(1, self.norm.num_groups, -1, *features.shape[2:])
        there, axes = mask[:, None], (2, 3, 4)
        count = mask.sum() * groups.shape[2]
        apart = groups - (groups * there).sum(axes, keepdim=True) / count
        variance = ((apart * there) ** 2).sum(axes, keepdim=True) / count
        normal = (apart / (variance + self.norm.eps).sqrt()).flatten(1, 2)
        weight, bias = (value[:, None, None] for value in (self.norm.weight, self.norm.bias))
        whole: Tensor = (normal * weight + bias) * mask
        return whole
