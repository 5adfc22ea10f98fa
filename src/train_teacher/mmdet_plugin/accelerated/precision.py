"""Number format of a step, and the parts that stay in 32 bits."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from mmdet.models.dense_heads.grounding_dino_head import ContrastiveEmbed
from torch import Tensor, nn


class FullPrecisionSequential(nn.Sequential):
    """A box branch in 32 bits: 8 bits of a bf16 coordinate are two pixels of a large image."""

    def forward(self, input: Tensor) -> Tensor:
        """Return (..., 4) in 32 bits of an input (..., channels) in any precision."""
        with torch.autocast(input.device.type, enabled=False):
            output: Tensor = super().forward(input.float())  # type: ignore[no-untyped-call]
        return output


class FullPrecisionContrast(ContrastiveEmbed):
    """mmdet's similarity of queries and tokens in 32 bits, padded without a second tensor."""

    def forward(self, visual_feat: Tensor, text_feat: Tensor, text_token_mask: Tensor) -> Tensor:
        """Compare every query with every token.

        Args:
            visual_feat: (N, queries, channels).
            text_feat: (N, tokens, channels).
            text_token_mask: (N, tokens), False where there is no token.

        Returns:
            (N, queries, max_text_len) logits, -inf where there is no token.
        """
        with torch.autocast(visual_feat.device.type, enabled=False):
            logits = visual_feat.float() @ text_feat.float().transpose(-1, -2)
            if isinstance(self.log_scale, nn.Parameter):
                logits = logits * self.log_scale.exp()
            elif self.log_scale == "auto":
                logits = logits / visual_feat.shape[-1] ** 0.5
            if self.bias is not None:
                logits = logits + self.bias
        logits = logits.masked_fill(~text_token_mask[:, None], float("-inf"))
        missing = self.max_text_len - logits.shape[-1]
        return F.pad(logits, (0, missing), value=float("-inf")) if missing else logits


def allow_tf32() -> None:
    """Let matrix products of 32-bit numbers run on tensor cores (Ampere and later).

    PyTorch's default is full precision, and nothing in MMEngine changes it. No effect on older
    GPUs and on CPU.
    """
    torch.set_float32_matmul_precision("high")
    torch.backends.cudnn.allow_tf32 = True


def keep_boxes_precise(bbox_head: Any) -> None:
    """Make the head's box branches and token similarities run in 32 bits.

    The decoder refines its reference boxes with the same branches (mmdet dino.py:272).

    Args:
        bbox_head: Grounding DINO's head; its parameters and their names stay.
    """
    for branch in bbox_head.reg_branches:
        if type(branch) is nn.Sequential:
            branch.__class__ = FullPrecisionSequential
