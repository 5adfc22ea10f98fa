"""A detector with its classes baked in computes what MMDetection's does, also at the border."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from hub_model import small_bundle
from train_teacher.mmdet_plugin.model.baked_detector import BakedDetector, class_means, corners
from train_teacher.teachers.hub_bundle import config_of, with_captions
from train_teacher.teachers.hub_comparison import choosing, read_outputs


def test_a_class_scores_the_mean_of_its_tokens() -> None:
    tokens = torch.tensor([[0.0, 0.2, 0.6, 0.9]])
    assert torch.allclose(tokens @ class_means([[1, 2], [3]], 4), torch.tensor([[0.4, 0.9]]))


def test_boxes_are_corners_within_the_image() -> None:
    found = corners(torch.tensor([[0.5, 0.5, 0.2, 0.4], [0.9, 0.1, 0.4, 0.4]]))
    assert torch.allclose(found, torch.tensor([[0.4, 0.3, 0.6, 0.7], [0.7, 0.0, 1.0, 0.3]]))


@pytest.mark.parametrize("sides", [(160, 200), (64, 64)])
def test_boxes_are_the_detectors_where_the_image_fills_the_canvas_and_where_not(
    tmp_path: Path, sides: tuple[int, int]
) -> None:
    bundle = small_bundle(tmp_path / "x")
    (caption,) = with_captions(bundle).captions  # type: ignore[misc, union-attr]
    baked = BakedDetector(bundle.detector, config_of(bundle), caption.text, caption.tokens)
    image = 255 * torch.rand(1, 3, 160, 200, generator=torch.Generator().manual_seed(2))
    mask = torch.zeros(1, 160, 200)
    mask[:, : sides[0], : sides[1]] = 1
    pixels = (image - baked.mean) / baked.std * mask[:, None]
    points: list[torch.Tensor] = []
    detector = bundle.detector
    first_stage = detector.bbox_head.cls_branches[detector.decoder.num_layers]
    first_stage.register_forward_hook(lambda *given: points.append(given[2].max(-1)[0]))
    _, wanted = read_outputs(detector, pixels, caption.text, sides)
    with torch.no_grad(), choosing(baked.twin.model.encoder_output_class_embed, points[0]):
        boxes, _ = baked(image, mask)
    # The smaller has fewer points than queries: those beside it are at the border.
    assert float((corners(wanted[0]) - boxes).abs().max()) < 1e-5
