"""A loss that is no number stops the run with what is needed to find the cause."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from mmengine.runner import Runner

from train_teacher.domain.errors import UserError
from train_teacher.mmdet_plugin.bad_values import NonFiniteLossHook

RUNNER = cast(Runner, SimpleNamespace(iter=41))


def losses(**values: float) -> dict[str, torch.Tensor]:
    return {name: torch.tensor(value) for name, value in values.items()}


def batch(*paths: str) -> dict[str, Any]:
    samples = [
        SimpleNamespace(metainfo={"img_path": path, "img_id": number})
        for number, path in enumerate(paths, 1)
    ]
    return {"data_samples": samples}


def hook() -> NonFiniteLossHook:
    return NonFiniteLossHook()


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_the_step_its_pictures_and_the_bad_terms_are_named(value: float) -> None:
    outputs = losses(loss=value, loss_bbox=value, loss_cls=1.0)
    with pytest.raises(UserError) as caught:
        hook().after_train_iter(RUNNER, 0, batch("/data/a.jpg"), outputs)
    text = str(caught.value)
    assert "step 42" in text
    assert "loss_bbox" in text
    assert "loss_cls" not in text
    assert "/data/a.jpg (id 1)" in text
    assert "--lr" in text


def test_finite_losses_pass() -> None:
    hook().after_train_iter(RUNNER, 0, batch("/data/a.jpg"), losses(loss=3.0, loss_cls=1.0))
