"""The table of names is one to one."""

from __future__ import annotations

from train_teacher.hub.names import Change, Layout, to_mmdet, to_transformers

LAYOUT = Layout(backbone_outputs=3, decoder_layers=6)


def test_an_attention_is_three_layers_there() -> None:
    places = to_transformers("decoder.layers.4.self_attn.attn.in_proj_bias", LAYOUT)
    assert places is not None
    assert [place.name.rpartition("self_attn.")[2] for place in places] == [
        "query.bias",
        "key.bias",
        "value.bias",
    ]
    for part, place in enumerate(places):
        back = to_mmdet(place.name, LAYOUT)
        assert back is not None
        assert (back.part, back.change) == (part, Change.SPLIT)


def test_the_last_head_belongs_to_the_encoder_and_extra_levels_follow_the_backbones() -> None:
    last = to_transformers("bbox_head.cls_branches.6.bias", LAYOUT)
    assert last is not None
    assert last[0].name == "model.encoder_output_class_embed.bias"
    extra = to_mmdet("model.input_proj_vision.3.1.weight", LAYOUT)
    assert extra is not None
    assert extra.name == "neck.extra_convs.0.gn.weight"


def test_the_decoders_second_registration_of_a_head_is_the_same_head() -> None:
    names = ("bbox_embed.2.layers.0.bias", "model.decoder.bbox_embed.2.layers.0.bias")
    assert {to_mmdet(name, LAYOUT) for name in names} == {to_mmdet(names[0], LAYOUT)}


def test_a_name_of_neither_model_goes_nowhere() -> None:
    assert to_mmdet("lmm.model.layers.0.weight", LAYOUT) is None
    assert to_transformers("connector.0.weight", LAYOUT) is None
