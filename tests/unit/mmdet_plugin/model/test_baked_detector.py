"""Tokens and boxes of a baked detector; its outputs are in test_canvas.py."""

from __future__ import annotations

import torch

from train_teacher.mmdet_plugin.model.baked_detector import class_means, corners


def test_a_class_scores_the_mean_of_its_tokens() -> None:
    tokens = torch.tensor([[0.0, 0.2, 0.6, 0.9]])
    assert torch.allclose(tokens @ class_means([[1, 2], [3]], 4), torch.tensor([[0.4, 0.9]]))


def test_boxes_are_corners_within_the_image() -> None:
    found = corners(torch.tensor([[0.5, 0.5, 0.2, 0.4], [0.9, 0.1, 0.4, 0.4]]))
    assert torch.allclose(found, torch.tensor([[0.4, 0.3, 0.6, 0.7], [0.7, 0.0, 1.0, 0.3]]))
