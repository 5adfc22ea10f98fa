"""A model that transformers' class would compute differently is refused, with the reason."""

from __future__ import annotations

import pytest

from demo_model import build_config, make_settings
from train_teacher.core.errors import UserError
from train_teacher.hub.geometry import DELIMITERS, transformers_config


def test_widths_and_vocabulary_that_do_not_fit_are_named() -> None:
    model = build_config(make_settings("demo")).model.to_dict()
    model["encoder"]["fusion_layer_cfg"]["embed_dim"] = 80
    with pytest.raises(UserError) as caught:
        transformers_config(model, {}, {**DELIMITERS, ".": 7})
    message = str(caught.value)
    assert "encoder.fusion_layer_cfg.embed_dim is 80" in message
    assert "has . at 7, there always at 1012" in message
    assert "--format mmdet" in message


def test_the_original_grounding_dino_is_refused() -> None:
    model = build_config(make_settings("grounding-dino-swin-t")).model.to_dict()
    with pytest.raises(UserError, match="classifier is that of the original"):
        transformers_config(model, {}, DELIMITERS)


@pytest.mark.parametrize(("preset", "levels", "width"), [("swin-t", 4, 96), ("swin-l", 5, 192)])
def test_the_presets_fit(preset: str, levels: int, width: int) -> None:
    config = transformers_config(
        build_config(make_settings(preset)).model.to_dict(), {"hidden_size": 768}, DELIMITERS
    )
    assert config["num_feature_levels"] == levels
    assert config["backbone_config"]["embed_dim"] == width
    assert config["encoder_attention_heads"] == 8
    assert config["decoder_bbox_embed_share"] is False
    assert config["decoder_cls_embed_share"] is False
