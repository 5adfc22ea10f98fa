from __future__ import annotations

import copy
from typing import Any

import pytest
import torch

from demo_model import DEMO_BASE, build_config, build_model, demo_batch, make_settings
from train_teacher.mmdet_plugin.loop.optimizer_groups import merge_groups

STEPS = 20
CUSTOM_KEYS = {
    "absolute_pos_embed": {"decay_mult": 0.0},
    "backbone": {"lr_mult": 0.1},
    "language_model": {"lr_mult": 0.0},
    "norm": {"decay_mult": 0.0},
}


def wrapper_config(constructor: str | None, **optimizer: Any) -> dict[str, Any]:
    config: dict[str, Any] = {
        "type": "OptimWrapper",
        "optimizer": {"type": "AdamW", "lr": 1e-3, "weight_decay": 1e-2, **optimizer},
        "clip_grad": {"max_norm": 0.1, "norm_type": 2},
        "paramwise_cfg": {"custom_keys": CUSTOM_KEYS},
    }
    return {**config, "constructor": constructor} if constructor else config


def build(model: torch.nn.Module, config: dict[str, Any]) -> Any:
    from mmengine.optim import build_optim_wrapper

    return build_optim_wrapper(model, config)


def test_groups_with_equal_options_become_one_and_keep_their_order() -> None:
    a, b, c = (torch.nn.Parameter(torch.zeros(1)) for _ in range(3))
    merged = merge_groups(
        [{"params": [a], "lr": 1.0}, {"params": [b], "lr": 2.0}, {"params": [c], "lr": 1.0}]
    )
    assert [group["lr"] for group in merged] == [1.0, 2.0]
    assert [id(p) for p in merged[0]["params"]] == [id(a), id(c)]


@pytest.fixture(scope="module")
def demo_model() -> torch.nn.Module:
    torch.manual_seed(0)
    return build_model(make_settings(weights=str(DEMO_BASE), tune="full"))  # type: ignore[no-any-return]


def test_every_parameter_keeps_its_rate_and_decay(demo_model: torch.nn.Module) -> None:
    def options(wrapper: Any) -> dict[int, tuple[float, float]]:
        return {
            id(p): (group["lr"], group["weight_decay"])
            for group in wrapper.param_groups
            for p in group["params"]
        }

    stock = build(demo_model, wrapper_config(None))
    merged = build(demo_model, wrapper_config("MergedGroupsConstructor"))
    assert options(merged) == options(stock)
    assert len(stock.param_groups) > 200
    assert len(merged.param_groups) <= 6


def test_twenty_steps_give_bit_identical_weights(demo_model: torch.nn.Module) -> None:
    def train(constructor: str | None) -> dict[str, torch.Tensor]:
        torch.manual_seed(0)
        model = copy.deepcopy(demo_model).train()
        wrapper = build(model, wrapper_config(constructor))
        inputs, samples = demo_batch(model)
        for step in range(STEPS):
            torch.manual_seed(step)
            losses = model.loss(inputs, samples)
            wrapper.update_params(sum(v for k, v in losses.items() if "loss" in k))
        return dict(model.named_parameters())

    before = dict(demo_model.named_parameters())
    stock, merged = train(None), train("MergedGroupsConstructor")
    moved = sum(not torch.equal(stock[name], before[name]) for name in stock)
    assert moved > 200
    for name in stock:
        assert torch.equal(stock[name], merged[name]), name


@pytest.mark.skipif(not torch.cuda.is_available(), reason="the fused kernel is for a GPU")
def test_on_a_gpu_the_fused_kernel_is_used_unless_the_user_chose(
    demo_model: torch.nn.Module,
) -> None:
    def kernel(**optimizer: Any) -> tuple[Any, Any]:
        model = copy.deepcopy(demo_model).cuda()
        wrapper = build(model, wrapper_config("MergedGroupsConstructor", **optimizer))
        return wrapper.optimizer.defaults["foreach"], wrapper.optimizer.defaults["fused"]

    assert kernel() == (None, True)
    assert kernel(foreach=False) == (False, None)


def test_an_optimizer_without_such_kernels_is_built_as_it_is(demo_model: torch.nn.Module) -> None:
    config = wrapper_config("MergedGroupsConstructor")
    config["optimizer"] = {"type": "LBFGS", "lr": 1.0}
    del config["paramwise_cfg"]
    assert type(build(demo_model, config).optimizer).__name__ == "LBFGS"


def test_a_run_uses_it() -> None:
    settings = make_settings(weights=str(DEMO_BASE))
    config = build_config(settings).optim_wrapper
    wrapper = build(build_model(settings), config)
    assert config["constructor"] == "MergedGroupsConstructor"
    assert len(wrapper.param_groups) == 1
