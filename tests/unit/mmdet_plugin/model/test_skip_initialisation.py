"""A model that is read from a file skips initialization, and every tensor gets its value."""

from __future__ import annotations

import copy
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch
from torch import nn

from demo_model import DEMO_BASE, build_model, make_settings
from train_teacher.mmdet_plugin.model.skip_initialisation import SkipInitialisation


def test_a_model_built_from_a_base_has_the_base_s_weights_and_its_constants() -> None:
    drawn = build_model(make_settings(tune="full"))
    built = build_model(make_settings(weights=str(DEMO_BASE)))
    base = torch.load(DEMO_BASE, weights_only=True)
    base = base.get("state_dict", base)
    assert drawn.state_dict().keys() == built.state_dict().keys()
    for name, tensor in built.state_dict().items():
        expected = base[name] if name in base else drawn.state_dict()[name]
        assert torch.equal(tensor, expected), name


def test_a_table_that_the_base_does_not_fit_is_drawn(tmp_path: Path) -> None:
    base = copy.deepcopy(torch.load(DEMO_BASE, weights_only=True))
    name = "dn_query_generator.label_embedding.weight"
    base["state_dict"][name] = base["state_dict"][name][:5].clone()
    torch.save(base, tmp_path / "other.pth")
    torch.manual_seed(0)
    table = build_model(make_settings(weights=str(tmp_path / "other.pth"))).get_parameter(name)
    assert 0.9 < float(table.std()) < 1.1
    assert abs(float(table.mean())) < 0.1


def test_no_initialiser_draws_and_constants_are_filled() -> None:
    def as_found(*shape: int) -> torch.Tensor:
        return torch.full(shape, 7.0)

    initialisers = [
        getattr(nn.init, f"{kind}_{shape}_")
        for kind in ("kaiming", "xavier")
        for shape in ("uniform", "normal")
    ]
    with SkipInitialisation():
        for initialise in (nn.init.normal_, nn.init.uniform_, *initialisers):
            assert float(initialise(as_found(3, 4)).unique()) == 7.0
        assert float(nn.init.ones_(as_found(3)).unique()) == 1.0
        assert float(nn.LayerNorm(3).weight.sum()) == 3.0


def test_drawing_works_again_afterwards_and_in_other_threads_all_the_time() -> None:
    def drawn() -> float:
        return float(torch.zeros(100).normal_().abs().max())

    with SkipInitialisation():
        assert drawn() == 0.0
        with ThreadPoolExecutor(max_workers=1) as aside:
            assert aside.submit(drawn).result() > 0.5
    assert drawn() > 0.5
    assert float(torch.zeros(100).uniform_().max()) > 0.5
