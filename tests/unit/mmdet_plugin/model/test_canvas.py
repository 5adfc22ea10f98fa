"""A detector with its classes baked in finds on a canvas what MMDetection's finds in the image."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from hub_model import small_bundle
from train_teacher.mmdet_plugin.model.baked_detector import BakedDetector, corners
from train_teacher.teachers.hub_bundle import config_of, with_captions
from train_teacher.teachers.hub_comparison import choosing, read_outputs


@pytest.mark.parametrize("sides", [(192, 256), (97, 130), (160, 101)])
def test_what_is_beside_an_image_changes_nothing(tmp_path: Path, sides: tuple[int, int]) -> None:
    bundle = small_bundle(tmp_path / "x")
    detector = bundle.detector
    for branch in detector.bbox_head.reg_branches:
        branch[-1].bias.data[2:] += 6  # boxes that fill the image: the two models differ there
    (caption,) = with_captions(bundle).captions  # type: ignore[misc, union-attr]
    baked = BakedDetector(detector, config_of(bundle), caption.text, caption.tokens)
    image = 255 * torch.rand(1, 3, 192, 256, generator=torch.Generator().manual_seed(2))
    mask = torch.zeros(1, 192, 256)
    mask[:, : sides[0], : sides[1]] = 1
    pixels = ((image - baked.mean) / baked.std)[..., : sides[0], : sides[1]]
    seen: list[torch.Tensor] = []
    hook = baked.twin.model.encoder_output_class_embed.register_forward_hook(
        lambda *given: seen.append(given[2].max(-1)[0])
    )
    with torch.no_grad():
        boxes, _ = baked(image, mask)
    hook.remove()
    points = seen[0][seen[0] > -float("inf")][None]
    first_stage = detector.bbox_head.cls_branches[detector.decoder.num_layers]
    with choosing(first_stage, points) as differences:
        _, wanted = read_outputs(detector, pixels, caption.text, sides)
    assert differences[0] < 1e-5
    assert float((corners(wanted[0]) - boxes).abs().max()) < 1e-5
