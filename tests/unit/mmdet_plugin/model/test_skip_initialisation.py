"""A model that is read from a file is not drawn first, and nothing of it is left undrawn."""

from __future__ import annotations

import copy
from pathlib import Path

import torch

from demo_model import DEMO_BASE, build_model, make_settings
from train_teacher.mmdet_plugin.model.skip_initialisation import undrawn_weights


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


def test_drawing_works_again_afterwards() -> None:
    with undrawn_weights():
        assert float(torch.zeros(100).normal_().abs().max()) == 0.0
    assert float(torch.zeros(100).normal_().abs().max()) > 0.5
    assert float(torch.zeros(100).uniform_().max()) > 0.5
