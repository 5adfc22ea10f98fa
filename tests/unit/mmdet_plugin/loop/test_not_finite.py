"""A NaN or infinite loss stops the run with all facts needed to find the cause."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from host_reads import HostReads
from mmengine.runner import Runner

from train_teacher.core.errors import UserError
from train_teacher.mmdet_plugin.loop.not_finite import (
    NonFiniteGradientError,
    NonFiniteLossHook,
    explain,
    refusing,
)

RUNNER = cast(Runner, SimpleNamespace(iter=41, model=torch.nn.Identity()))


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
def test_the_step_its_images_and_the_bad_terms_are_named(value: float) -> None:
    outputs = losses(loss=value, loss_bbox=value, loss_cls=1.0)
    with pytest.raises(UserError) as caught:
        hook().after_train_iter(RUNNER, 0, batch("/data/a.jpg"), outputs)
    text = str(caught.value)
    assert "step 42" in text
    assert "loss_bbox" in text
    assert "loss_cls" not in text
    assert "/data/a.jpg (id 1)" in text
    assert "--lr" in text


def test_a_gradient_that_is_no_number_is_refused_before_the_step_and_told_with_images() -> None:
    weight = torch.nn.Parameter(torch.ones(2))
    weight.grad = torch.tensor([1.0, float("inf")])
    clip = refusing(torch.nn.utils.clip_grad_norm_)
    with pytest.raises(NonFiniteGradientError) as caught:
        clip([weight], max_norm=0.1)
    text = explain(caught.value, 7, batch("/data/a.jpg"), losses(loss=3.0, loss_cls=2.0))
    assert text is not None
    assert "gradient of step 7 is not finite (its norm is inf)" in text
    assert "loss = 3, loss_cls = 2" in text
    assert "/data/a.jpg (id 1)" in text
    text = explain(caught.value, 7, batch("/data/a.jpg"), losses(loss=math.nan, loss_cls=math.nan))
    assert text is not None
    assert "loss of step 7 is NaN or infinite: loss = nan, loss_cls = nan." in text


def test_a_good_gradient_is_clipped_and_its_norm_is_read_once() -> None:
    weight = torch.nn.Parameter(torch.ones(2))
    weight.grad = torch.tensor([3.0, 4.0])
    with HostReads() as reads:
        norm = refusing(torch.nn.utils.clip_grad_norm_)([weight], max_norm=1.0)
    assert norm == 5.0
    assert reads.total == 1
    torch.testing.assert_close(weight.grad, torch.tensor([0.6, 0.8]))
    assert refusing(lambda _: None)([weight]) is None


def test_what_the_matcher_says_of_bad_predictions_gets_step_images_and_the_losses_before() -> None:
    error = ValueError("matrix contains invalid numeric entries")
    text = explain(error, 3, batch("/data/a.jpg"), {"loss": 9.5, "d0.loss_cls": 1.0})
    assert text is not None
    assert "predictions in step 3" in text
    assert "/data/a.jpg (id 1)" in text
    assert "losses of the step before: loss = 9.5." in text
    assert explain(ValueError("something else"), 3, batch("/data/a.jpg"), None) is None


def test_finite_losses_pass() -> None:
    hook().after_train_iter(RUNNER, 0, batch("/data/a.jpg"), losses(loss=3.0, loss_cls=1.0))
