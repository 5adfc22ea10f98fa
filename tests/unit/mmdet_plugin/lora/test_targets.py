import pytest
from torch import nn

from demo_model import DEMO_BASE, build_model, make_settings
from train_teacher.core.errors import UserError
from train_teacher.mmdet_plugin.lora.targets import find_full_modules, find_targets

FROZEN = ("backbone", "language_model")


@pytest.fixture(scope="module")
def plain() -> nn.Module:
    model: nn.Module = build_model(make_settings(weights=str(DEMO_BASE)))
    return model


def test_the_default_set_is_the_linears_of_encoder_and_decoder(plain: nn.Module) -> None:
    targets = find_targets(plain, frozen=FROZEN)
    wanted = {
        name
        for name, module in plain.named_modules()
        if isinstance(module, nn.Linear)
        and name.startswith(("encoder.", "decoder."))
        and not name.endswith("out_proj")
    }
    assert set(targets) == wanted
    assert "encoder.fusion_layers.0.attn.values_v_proj" in wanted
    assert "decoder.ref_point_head.layers.1" in wanted


def test_the_full_modules_are_heads_tables_and_norms(plain: nn.Module) -> None:
    full = find_full_modules(plain, FROZEN)
    assert {"bbox_head.reg_branches.0", "text_feat_map", "query_embedding"} <= set(full)
    assert "neck.convs.0.gn" in full
    assert "encoder.layers.0.norms.1" in full
    assert not any(name.startswith(FROZEN) for name in full)
    assert "neck.convs.0.gn" not in find_full_modules(plain, ("neck",))


def test_a_named_target_is_all_there_is(plain: nn.Module) -> None:
    assert find_targets(plain, ["value_proj"]) == [
        f"{part}.layers.{layer}.{attention}.value_proj"
        for part, attention in (("encoder", "self_attn"), ("decoder", "cross_attn"))
        for layer in (0, 1)
    ]


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        (["value_prj"], r"no such module.*Nearest: .*value_proj"),
        (["self_attn.attn.out_proj"], r"would never train.*self_attn\.attn'"),
        (["out_proj"], r"would never train"),
        (["encoder.layers.0.norms.0"], r"is a LayerNorm.*Linear"),
        (["encoder.layers.0"], r"In it: .*sampling_offsets"),
        (["qkv"], r"lies in backbone, which is frozen"),
    ],
)
def test_a_target_that_would_train_nothing_is_an_error(
    plain: nn.Module, targets: list[str], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        find_targets(plain, targets, FROZEN)
