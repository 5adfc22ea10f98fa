"""transformers' config of a detector, from MMDetection's; unsupported models are refused."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from functools import reduce
from typing import Any

from train_teacher.core.errors import UserError

DELIMITERS = {"[CLS]": 101, "[SEP]": 102, ".": 1012, "?": 1029}
"""Written into transformers' code: where a phrase ends (modeling_mm_grounding_dino.py)."""
IMAGE_SIZE = 224
"""Any: Swin takes images of all sizes."""

# Half of the encoder's figure in transformers' class, whatever its config says.
_HALVES = {
    "encoder.text_layer_cfg.ffn_cfg.feedforward_channels": "encoder.layer_cfg.ffn_cfg."
    "feedforward_channels",
    "encoder.fusion_layer_cfg.embed_dim": "encoder.layer_cfg.ffn_cfg.feedforward_channels",
    "encoder.text_layer_cfg.self_attn_cfg.num_heads": "encoder.layer_cfg.self_attn_cfg.num_heads",
    "encoder.fusion_layer_cfg.num_heads": "encoder.layer_cfg.self_attn_cfg.num_heads",
}
_MM_CLASSIFIER = {"bias": True, "log_scale": "auto"}


def transformers_config(
    model: Mapping[str, Any], language_model: Mapping[str, Any], token_ids: Mapping[str, int]
) -> dict[str, Any]:
    """Return the arguments of MMGroundingDinoConfig.

    Args:
        model: `model` of MMDetection's config.
        language_model: BERT's config.json.
        token_ids: of the tokens that end a phrase.

    Raises:
        UserError: transformers' class computes something else than this model.
    """
    problems = _unlike(model, token_ids)
    if problems:
        raise UserError(
            "this model does not fit transformers' MMGroundingDino, which would compute something "
            "else:\n" + "\n".join(f"  {line}" for line in problems) + "\n"
            "Export it for MMDetection: --format mmdet."
        )
    swin, encoder, decoder = model["backbone"], model["encoder"], model["decoder"]
    return {
        "backbone_config": {
            "model_type": "swin",
            "image_size": IMAGE_SIZE,
            "embed_dim": swin["embed_dims"],
            "depths": list(swin["depths"]),
            "num_heads": list(swin["num_heads"]),
            "window_size": swin["window_size"],
            "mlp_ratio": float(swin["mlp_ratio"]),
            "drop_path_rate": swin["drop_path_rate"],
            "out_indices": [index + 1 for index in swin["out_indices"]],
        },
        "text_config": {**language_model, "model_type": "bert"},
        "num_queries": model["num_queries"],
        "num_feature_levels": model["neck"]["num_outs"],
        "max_text_len": _at(model, "bbox_head.contrastive_cfg.max_text_len"),
        "encoder_layers": encoder["num_layers"],
        "encoder_ffn_dim": _at(encoder, "layer_cfg.ffn_cfg.feedforward_channels"),
        "encoder_attention_heads": _heads(model, "encoder.layer_cfg.self_attn_cfg.num_heads"),
        "decoder_layers": decoder["num_layers"],
        "decoder_ffn_dim": _at(decoder, "layer_cfg.ffn_cfg.feedforward_channels"),
        "decoder_attention_heads": _at(decoder, "layer_cfg.self_attn_cfg.num_heads"),
        "positional_embedding_temperature": model["positional_encoding"]["temperature"],
        # Later versions share the heads of all layers unless both say no.
        "decoder_bbox_embed_share": False,
        "decoder_cls_embed_share": False,
        "tie_word_embeddings": False,
    }


def _unlike(model: Mapping[str, Any], token_ids: Mapping[str, int]) -> list[str]:
    problems = []
    classifier = _at(model, "bbox_head.contrastive_cfg")
    if any(classifier.get(name) != value for name, value in _MM_CLASSIFIER.items()):
        problems.append("its classifier is that of the original Grounding DINO")
    for half, whole in _HALVES.items():
        found, full = _at(model, half), _heads(model, whole)
        if 2 * found != full:
            problems.append(f"{half} is {found}, there always half of {whole} ({full})")
    for token, wanted in DELIMITERS.items():
        if token_ids.get(token) != wanted:
            problems.append(
                f"the vocabulary has {token} at {token_ids.get(token)}, there always at {wanted}"
            )
    return problems


def _heads(model: Mapping[str, Any], path: str) -> Any:
    """Return a figure; MMCV's deformable attention has 8 heads where none are said."""
    try:
        return _at(model, path)
    except KeyError:
        return 8


def _at(model: Mapping[str, Any], path: str) -> Any:
    return reduce(operator.getitem, path.split("."), model)
