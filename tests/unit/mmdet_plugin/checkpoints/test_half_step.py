"""A step that several batches make goes on after a checkpoint as if there had been none."""

from __future__ import annotations

from types import SimpleNamespace

import torch

from train_teacher.mmdet_plugin.checkpoints.half_step import pending_gradients, put_back


def model_after(batches: int) -> torch.nn.Linear:
    torch.manual_seed(0)
    model = torch.nn.Linear(3, 1)
    model.bias.requires_grad_(False)
    for batch in torch.arange(6.0).view(2, 3)[:batches]:
        model(batch).sum().backward()
    return model


def wrapper(*, done: bool) -> SimpleNamespace:
    return SimpleNamespace(should_update=lambda: done)


def test_what_was_accumulated_is_put_back_and_the_step_ends_as_without_a_stop() -> None:
    found = pending_gradients(model_after(1), wrapper(done=False))
    assert set(found) == {"weight"}
    resumed = model_after(0)
    put_back(resumed, found)
    resumed(torch.arange(6.0).view(2, 3)[1]).sum().backward()
    assert torch.equal(resumed.weight.grad, model_after(2).weight.grad)
    assert found["weight"].tolist() == [[0, 1, 2]]


def test_between_two_steps_nothing_is_kept() -> None:
    assert pending_gradients(model_after(1), wrapper(done=True)) == {}
