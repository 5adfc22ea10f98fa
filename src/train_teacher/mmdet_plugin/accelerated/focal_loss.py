"""The focal loss with its gradient in closed form."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from torch import Tensor


class FocalLossTerms(torch.autograd.Function):
    """Sigmoid focal loss of each logit (Lin et al. 2017, arXiv 1708.02002).

    mmdet writes it as ten elementwise operations (focal_loss.py:35-41) that each keep a tensor of
    the size of the logits for the backward pass; this keeps the logits and the targets.
    """

    @staticmethod
    def forward(ctx: Any, logits: Tensor, targets: Tensor, gamma: float, alpha: float) -> Tensor:
        """Return the loss terms.

        Args:
            logits: any shape, finite.
            targets: 0 or 1, same shape.
            gamma: exponent of the modulating factor.
            alpha: weight of the positives.

        Returns:
            Same shape as the logits.
        """
        ctx.save_for_backward(logits, targets)
        ctx.gamma, ctx.alpha = gamma, alpha
        probability = logits.sigmoid()
        missed = torch.where(targets > 0, 1 - probability, probability)
        weight = torch.where(targets > 0, alpha, 1 - alpha)
        signed = torch.where(targets > 0, logits, -logits)
        return -weight * missed.pow(gamma) * F.logsigmoid(signed)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor, None, None, None]:
        """Return the gradient with respect to the logits."""
        logits, targets = ctx.saved_tensors
        gamma, alpha = ctx.gamma, ctx.alpha
        sign = torch.where(targets > 0, 1.0, -1.0)
        signed = logits * sign
        right = signed.sigmoid()
        missed = (-signed).sigmoid()
        slope = missed.pow(gamma) * (gamma * right * F.logsigmoid(signed) - missed)
        weight = torch.where(targets > 0, alpha, 1 - alpha)
        return grad_outputs[0] * weight * sign * slope, None, None, None


def focal_terms(logits: Tensor, targets: Tensor, gamma: float, alpha: float) -> Tensor:
    """Return the focal loss of each logit; arguments as in `FocalLossTerms.forward`."""
    terms: Tensor = FocalLossTerms.apply(logits, targets, gamma, alpha)  # type: ignore[no-untyped-call]
    return terms
