"""One table of tensor names, read in both directions: MMDetection's and transformers'.

It was checked against both models; transformers has a script for one of the two directions only
(convert_mm_grounding_dino_to_hf.py, not in its package).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache


class Change(Enum):
    """Change to a tensor's values between the two formats."""

    NONE = "none"
    SPLIT = "split"
    """One tensor is three: query, key and value."""
    MERGING = "merging"
    """The columns of patch merging are in another order."""
    SCALAR = "scalar"
    """Shape (1,) in MMDetection, () in transformers."""


@dataclass(frozen=True)
class Layout:
    """Numbers of levels and layers that names depend on."""

    backbone_outputs: int
    decoder_layers: int


@dataclass(frozen=True)
class Place:
    """Name of a tensor in the other format, and the change to its values."""

    name: str
    change: Change
    part: int = 0
    """Third of the tensor (0 to 2), where it is split."""


PARTS = ("query", "key", "value")
UNPAIRED = frozenset({"dn_query_generator.label_embedding.weight"})
"""Used in training only, for the noise of labels: transformers' model has no such tensor."""
MOST_LEVELS = 8

# Left MMDetection's, right transformers'; # is a number, | one of query, key and value. What
# follows (.weight, .bias, an adapter's .lora_A.weight) is the same on both sides.
_SWIN = "model.backbone.conv_encoder.model"
_TABLE = f"""
backbone.patch_embed.projection                   {_SWIN}.embeddings.patch_embeddings.projection
backbone.patch_embed.norm                         {_SWIN}.embeddings.norm
backbone.stages.#.blocks.#.attn.w_msa.qkv         {_SWIN}.encoder.layers.#.blocks.#.attention.self.|
backbone.stages.#.blocks.#.attn.w_msa.proj        {_SWIN}.encoder.layers.#.blocks.#.attention.output.dense
backbone.stages.#.blocks.#.attn.w_msa.relative_position_bias_table \
{_SWIN}.encoder.layers.#.blocks.#.attention.self.relative_position_bias_table
backbone.stages.#.blocks.#.attn.w_msa.relative_position_index \
{_SWIN}.encoder.layers.#.blocks.#.attention.self.relative_position_index
backbone.stages.#.blocks.#.norm1                  {_SWIN}.encoder.layers.#.blocks.#.layernorm_before
backbone.stages.#.blocks.#.norm2                  {_SWIN}.encoder.layers.#.blocks.#.layernorm_after
backbone.stages.#.blocks.#.ffn.layers.0.0         {_SWIN}.encoder.layers.#.blocks.#.intermediate.dense
backbone.stages.#.blocks.#.ffn.layers.1           {_SWIN}.encoder.layers.#.blocks.#.output.dense
backbone.stages.#.downsample                      {_SWIN}.encoder.layers.#.downsample
language_model.language_backbone.body.model       model.text_backbone
text_feat_map                                     model.text_projection
level_embed                                       model.level_embed
query_embedding                                   model.query_position_embeddings
memory_trans_fc                                   model.enc_output
memory_trans_norm                                 model.enc_output_norm
encoder.layers.#.self_attn                        model.encoder.layers.#.deformable_layer.self_attn
encoder.layers.#.norms.0                          model.encoder.layers.#.deformable_layer.self_attn_layer_norm
encoder.layers.#.norms.1                          model.encoder.layers.#.deformable_layer.final_layer_norm
encoder.layers.#.ffn.layers.0.0                   model.encoder.layers.#.deformable_layer.fc1
encoder.layers.#.ffn.layers.1                     model.encoder.layers.#.deformable_layer.fc2
encoder.text_layers.#.self_attn.attn.in_proj_weight  model.encoder.layers.#.text_enhancer_layer.self_attn.|.weight
encoder.text_layers.#.self_attn.attn.in_proj_bias model.encoder.layers.#.text_enhancer_layer.self_attn.|.bias
encoder.text_layers.#.self_attn.attn.out_proj     model.encoder.layers.#.text_enhancer_layer.self_attn.out_proj
encoder.text_layers.#.norms.0                     model.encoder.layers.#.text_enhancer_layer.layer_norm_before
encoder.text_layers.#.norms.1                     model.encoder.layers.#.text_enhancer_layer.layer_norm_after
encoder.text_layers.#.ffn.layers.0.0              model.encoder.layers.#.text_enhancer_layer.fc1
encoder.text_layers.#.ffn.layers.1                model.encoder.layers.#.text_enhancer_layer.fc2
encoder.fusion_layers.#.gamma_v                   model.encoder.layers.#.fusion_layer.vision_param
encoder.fusion_layers.#.gamma_l                   model.encoder.layers.#.fusion_layer.text_param
encoder.fusion_layers.#.layer_norm_v              model.encoder.layers.#.fusion_layer.layer_norm_vision
encoder.fusion_layers.#.layer_norm_l              model.encoder.layers.#.fusion_layer.layer_norm_text
encoder.fusion_layers.#.attn.v_proj               model.encoder.layers.#.fusion_layer.attn.vision_proj
encoder.fusion_layers.#.attn.l_proj               model.encoder.layers.#.fusion_layer.attn.text_proj
encoder.fusion_layers.#.attn.values_v_proj        model.encoder.layers.#.fusion_layer.attn.values_vision_proj
encoder.fusion_layers.#.attn.values_l_proj        model.encoder.layers.#.fusion_layer.attn.values_text_proj
encoder.fusion_layers.#.attn.out_v_proj           model.encoder.layers.#.fusion_layer.attn.out_vision_proj
encoder.fusion_layers.#.attn.out_l_proj           model.encoder.layers.#.fusion_layer.attn.out_text_proj
decoder.norm                                      model.decoder.layer_norm
decoder.ref_point_head                            model.decoder.reference_points_head
decoder.layers.#.self_attn.attn.in_proj_weight    model.decoder.layers.#.self_attn.|.weight
decoder.layers.#.self_attn.attn.in_proj_bias      model.decoder.layers.#.self_attn.|.bias
decoder.layers.#.self_attn.attn.out_proj          model.decoder.layers.#.self_attn.out_proj
decoder.layers.#.cross_attn_text.attn.in_proj_weight  model.decoder.layers.#.encoder_attn_text.|.weight
decoder.layers.#.cross_attn_text.attn.in_proj_bias    model.decoder.layers.#.encoder_attn_text.|.bias
decoder.layers.#.cross_attn_text.attn.out_proj    model.decoder.layers.#.encoder_attn_text.out_proj
decoder.layers.#.cross_attn                       model.decoder.layers.#.encoder_attn
decoder.layers.#.norms.0                          model.decoder.layers.#.self_attn_layer_norm
decoder.layers.#.norms.1                          model.decoder.layers.#.encoder_attn_text_layer_norm
decoder.layers.#.norms.2                          model.decoder.layers.#.encoder_attn_layer_norm
decoder.layers.#.norms.3                          model.decoder.layers.#.final_layer_norm
decoder.layers.#.ffn.layers.0.0                   model.decoder.layers.#.fc1
decoder.layers.#.ffn.layers.1                     model.decoder.layers.#.fc2
"""  # noqa: E501 - a table
# transformers registers the decoder's heads twice; either name may be the one that is saved.
_HEAD_TWICE = re.compile(r"^model\.decoder\.((?:class|bbox)_embed\.)")


def to_transformers(name: str, layout: Layout) -> tuple[Place, ...] | None:
    """Return the place of an MMDetection tensor, three where it is split; None: nowhere.

    Names of an adapter's tensors, which stand for the layer they are on, are read too.
    """
    for ours, theirs in _rules(layout):
        if found := _read(ours, theirs, name):
            if "|" not in theirs:
                return (Place(found, _change(name)),)
            parts = (found.replace("|", part) for part in PARTS)
            return tuple(Place(part, Change.SPLIT, at) for at, part in enumerate(parts))
    return None


def to_mmdet(name: str, layout: Layout) -> Place | None:
    """Return the place of a transformers tensor; None: nowhere."""
    name = _HEAD_TWICE.sub(r"\1", name)
    for ours, theirs in _rules(layout):
        for part, word in enumerate(PARTS if "|" in theirs else ("",)):
            if found := _read(theirs.replace("|", word), ours, name):
                return Place(found, Change.SPLIT if word else _change(found), part)
    return None


def layout_of_mmdet(names: Iterable[str]) -> Layout:
    """Return the layout of a model, from MMDetection's names of its tensors."""
    known = list(names)
    return Layout(
        _count(r"neck\.convs\.(\d+)\.", known), _count(r"decoder\.layers\.(\d+)\.", known)
    )


def layout_of_transformers(names: Iterable[str]) -> Layout:
    """Return the layout of a model, from transformers' names of its tensors."""
    known = list(names)
    return Layout(
        _count(r".*\.hidden_states_norms\.stage(\d+)\.", known),
        _count(r"model\.decoder\.layers\.(\d+)\.", known),
    )


def _count(pattern: str, names: Iterable[str]) -> int:
    return len({found[1] for name in names if (found := re.match(pattern, name))})


@lru_cache(maxsize=8)
def _rules(layout: Layout) -> tuple[tuple[str, str], ...]:
    """Return the table for a number of levels and layers."""
    rules = [tuple(line.split()) for line in _TABLE.splitlines() if line]
    rules += [(f"backbone.norm{i}", f"{_SWIN}.hidden_states_norms.stage{i + 1}") for i in range(4)]
    for level in range(MOST_LEVELS):
        extra = level - layout.backbone_outputs
        own = f"neck.convs.{level}" if extra < 0 else f"neck.extra_convs.{extra}"
        for ours, theirs in (("conv", "0"), ("gn", "1")):
            rules.append((f"{own}.{ours}", f"model.input_proj_vision.{level}.{theirs}"))
    for layer in range(layout.decoder_layers + 1):
        last = layer == layout.decoder_layers
        prefix, index = ("model.encoder_output_", "") if last else ("", f".{layer}")
        rules.append((f"bbox_head.cls_branches.{layer}", f"{prefix}class_embed{index}"))
        for at in range(3):
            own = f"bbox_head.reg_branches.{layer}.{2 * at}"
            rules.append((own, f"{prefix}bbox_embed{index}.layers.{at}"))
    return tuple((ours, theirs) for ours, theirs in rules)


@lru_cache(maxsize=1024)
def _pattern(template: str) -> re.Pattern[str]:
    return re.compile(re.escape(template).replace(r"\#", r"(\d+)") + r"((?:\..+)?)")


def _read(template: str, other: str, name: str) -> str | None:
    """Return a name that fits one template as the other writes it."""
    found = _pattern(template).fullmatch(name)
    if not found:
        return None
    *numbers, rest = found.groups()
    for number in numbers:
        other = other.replace("#", number, 1)
    return other + rest


def _change(name: str) -> Change:
    """Return the change to a tensor, by MMDetection's name."""
    if ".downsample." in name:
        return Change.MERGING
    return Change.SCALAR if ".cls_branches." in name else Change.NONE
