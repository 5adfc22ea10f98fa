"""Layers that are recomputed in the backward pass instead of kept."""

from __future__ import annotations

import copy
import importlib
from types import SimpleNamespace
from typing import Any

import torch

importlib.import_module("train_teacher.mmdet_plugin")

# ruff: noqa: E402 - the path or the plugin comes first
from mmdet.models.utils.vlfuse_helper import SingleScaleBiAttentionBlock

from module_comparison import SavedBytes, compare
from train_teacher.mmdet_plugin.accelerated.recomputation import (
    CheckpointedFusionLayer,
    checkpoint_layers,
)

INPUTS: dict[str, Any] = {
    "visual_feature": torch.randn(2, 60, 32),
    "lang_feature": torch.randn(2, 9, 32),
}


class Recomputed(CheckpointedFusionLayer):
    checkpointed = True


def layer() -> SingleScaleBiAttentionBlock:
    return SingleScaleBiAttentionBlock(32, 32, 64, 4, dropout=0.0, drop_path=0.0)


def kept_by(module: torch.nn.Module) -> int:
    inputs = {name: value.clone().requires_grad_() for name, value in INPUTS.items()}
    with SavedBytes() as saved:
        module(**inputs)
    return saved.total


def test_a_recomputed_layer_gives_mmdetections_results_and_gradients_and_keeps_less() -> None:
    ours, theirs = compare(layer(), Recomputed, INPUTS)
    assert ours < theirs / 2


def test_a_layer_is_recomputed_only_in_training() -> None:
    module = copy.deepcopy(layer())
    module.__class__ = Recomputed
    in_training, in_evaluation = kept_by(module.train()), kept_by(module.eval())
    assert in_training < in_evaluation / 2


def test_the_first_layers_of_both_kinds_are_chosen_and_none_by_zero() -> None:
    layers = [copy.deepcopy(layer()) for _ in range(6)]
    encoder = SimpleNamespace(layers=layers[:3], fusion_layers=layers[3:])
    checkpoint_layers(encoder, 2)
    assert [one.checkpointed for one in layers] == [True, True, False] * 2
    checkpoint_layers(encoder, 0)
    assert not any(one.checkpointed for one in layers)
