"""The focal loss and its gradient against MMDetection's."""

from __future__ import annotations

import importlib

import torch

importlib.import_module("train_teacher.mmdet_plugin")

# ruff: noqa: E402 - the path or the plugin comes first
from mmdet.models.losses.focal_loss import py_sigmoid_focal_loss

from train_teacher.mmdet_plugin.accelerated.focal_loss import focal_terms


def test_the_focal_loss_and_its_gradient_are_mmdetections() -> None:
    torch.manual_seed(0)
    logits = (torch.randn(50, 7) * 8).double().requires_grad_()
    targets = (torch.rand(50, 7) > 0.7).double()
    ours = focal_terms(logits, targets, 2.0, 0.25)
    stock = py_sigmoid_focal_loss(logits, targets, reduction="none")
    torch.testing.assert_close(ours, stock)
    direction = torch.randn_like(ours)
    (mine,) = torch.autograd.grad(ours, logits, direction)
    (theirs,) = torch.autograd.grad(stock, logits, direction)
    torch.testing.assert_close(mine, theirs)


def test_the_focal_loss_stays_finite_far_out() -> None:
    logits = torch.tensor([-200.0, 200.0, -200.0, 200.0], requires_grad=True)
    terms = focal_terms(logits, torch.tensor([0.0, 0.0, 1.0, 1.0]), 2.0, 0.25)
    terms.sum().backward()
    assert torch.isfinite(terms).all()
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()
