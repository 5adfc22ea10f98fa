"""The original Grounding DINO's head at the size of the demo model."""

from pathlib import Path
from typing import Any

import pytest
import torch

from demo_model import build_model, demo_batch, make_settings
from train_teacher.core.errors import UserError

pytestmark = pytest.mark.usefixtures("mmdet_ready")

BASE = "grounding_dino/grounding_dino_swin-t_finetune_8xb2_20e_cat.py"


def published(tmp_path: Path) -> Path:
    """Write a checkpoint as it was published: the head has neither scale nor bias."""
    model = build_model(make_settings("demo", base_config=BASE, tune="full"))
    weights = {k: v for k, v in model.state_dict().items() if not k.endswith(".log_scale")}
    assert len(weights) < len(model.state_dict())
    path = tmp_path / "published.pth"
    torch.save({"state_dict": weights}, path)
    return path


def settings(tmp_path: Path, **values: Any) -> Any:
    return make_settings("demo", base_config=BASE, weights=str(published(tmp_path)), **values)


def test_published_weights_fit_and_the_learned_scale_starts_without_effect(tmp_path: Path) -> None:
    model = build_model(settings(tmp_path))
    scales = [p for name, p in model.named_parameters() if name.endswith(".log_scale")]
    assert scales
    assert all(scale.exp().item() == 1.0 and scale.requires_grad for scale in scales)
    losses = model.train().loss(*demo_batch(model))
    sum(value for key, value in losses.items() if "loss" in key).backward()
    assert all(scale.grad is not None for scale in scales[:1])


def test_a_scale_or_bias_that_would_change_the_scores_is_refused(tmp_path: Path) -> None:
    for change in ({"log_scale": 1.0}, {"bias": True}):
        key, value = next(iter(change.items()))
        wanted = {f"model.bbox_head.contrastive_cfg.{key}": value}
        with pytest.raises(UserError, match="does not fit"):
            build_model(settings(tmp_path, set=wanted))


def test_parts_of_a_file_that_are_no_part_of_the_detector_are_counted_by_name(
    tmp_path: Path,
) -> None:
    from train_teacher.mmdet_plugin.checkpoints.base import load_base_checkpoint

    model = build_model(settings(tmp_path))
    extra = ("lmm.layers.0.weight", "lmm.layers.1.weight", "connector.0.weight",
             "region_connector.0.weight", "ref_point_head.0.weight",
             "image_seperate.weight")  # fmt: skip
    path = tmp_path / "published_with_more.pth"
    torch.save({**model.state_dict(), **{name: torch.zeros(1) for name in extra}}, path)
    told = str(load_base_checkpoint(model, path))
    for part in ("lmm (2)", "connector (1)", "region_connector (1)", "ref_point_head (1)",
                 "image_seperate (1)"):  # fmt: skip
        assert part in told
