"""A language model that is trained reads its text without asking the device."""

from __future__ import annotations

import copy
import importlib

import pytest
import torch

from demo_model import DEMO_BASE, build_model, make_settings

importlib.import_module("train_teacher.mmdet_plugin")

# ruff: noqa: E402 - the path or the plugin comes first
from mmdet.models.language_models.bert import BertModel

CAPTIONS = [
    "red circle. blue square. ",
    "a green triangle? yellow star. ",
    "circle. ",
    "no full stop",
]


@pytest.fixture(scope="module")
def trained() -> torch.nn.Module:
    """Return the language model of a run that trains everything."""
    model = build_model(make_settings(weights=str(DEMO_BASE), tune="full")).language_model.eval()
    assert all(parameter.requires_grad for parameter in model.parameters())
    return model  # type: ignore[no-any-return]


@pytest.mark.parametrize("captions", [CAPTIONS, CAPTIONS[:1] * 3, CAPTIONS[2:]])
def test_features_and_masks_are_mmdets_bit_for_bit(
    trained: torch.nn.Module, captions: list[str]
) -> None:
    expected, found = BertModel.forward(trained, captions), trained(captions)
    assert expected.keys() == found.keys()
    for name, tensor in expected.items():
        assert torch.equal(found[name], tensor), name
        assert found[name].dtype == tensor.dtype


def test_no_mask_is_read_back_from_the_device(trained: torch.nn.Module) -> None:
    # Tensors of the meta device have no values: reading one raises.
    model = copy.deepcopy(trained).to("meta")
    found = model(CAPTIONS)
    assert found["embedded"].device.type == "meta"
    with pytest.raises((NotImplementedError, RuntimeError)):
        BertModel.forward(model, CAPTIONS)
