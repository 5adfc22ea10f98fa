"""When the head computes its own losses, and what they are divided by.

That they are MMDetection's, test_detector.py shows on whole models.
"""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch

from demo_model import DEMO_BASE, build_model, make_settings


@pytest.fixture(scope="module")
def head() -> Any:
    return build_model(make_settings(weights=str(DEMO_BASE))).bbox_head


def test_losses_are_divided_by_the_objects_and_without_one_by_one(head: Any) -> None:
    assert head.averages(0, torch.device("cpu")) == (1.0, 1.0)
    assert head.averages(7, torch.device("cpu")) == (7.0, 7.0)


def test_another_loss_than_the_recipes_takes_mmdetections_own_way(head: Any) -> None:
    assert head._costs() is not None
    changed = copy.deepcopy(head)
    changed.loss_bbox.reduction = "sum"
    assert changed._costs() is None
