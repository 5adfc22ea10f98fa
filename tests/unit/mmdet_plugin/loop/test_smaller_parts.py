"""A step that runs out of memory is made in parts, and learns the same."""

from __future__ import annotations

import re
import sys
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from mmengine.model import BaseModel
from mmengine.optim import OptimWrapper
from torch import Tensor

from demo_model import build_config, build_model, make_settings
from train_teacher.core.errors import UserError
from train_teacher.mmdet_plugin.accelerated.recomputation import CheckpointedEncoderLayer
from train_teacher.mmdet_plugin.loop import smaller_parts
from train_teacher.mmdet_plugin.loop.smaller_parts import AdaptiveStep, split
from train_teacher.settings import yaml_files

OBJECTS = (3, 0, 1, 2, 0, 0, 5, 1)


class Detector(BaseModel):
    """Its loss is a mean over the objects of a batch, at least one, as a DETR's is."""

    def __init__(
        self,
        most: int = 99,
        backward_fails: bool = False,
        error: Exception | type[Exception] = torch.cuda.OutOfMemoryError,
    ) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.linspace(-1, 1, 6))
        self.most = most
        self.backward_fails = backward_fails
        self.error = error
        self.seen: list[int] = []

    def forward(self, inputs: Any, data_samples: Any, mode: str = "loss") -> dict[str, Tensor]:
        self.seen.append(len(inputs))
        full = len(inputs) > self.most
        if full and not self.backward_fails:
            raise self.error
        count = max(sum(len(sample.gt_instances) for sample in data_samples), 1)
        raw = sum(((x @ self.weight) - 1) ** 2 for x in inputs)
        loss = raw / count
        if full:
            # The gradient of the weights is there before the memory is full.
            torch.autograd.backward(loss, retain_graph=True)
            raise self.error
        return {"loss_a": loss, "loss_b": loss * 0.5, "objects": torch.tensor(float(count))}


def batches(images: int = 4) -> list[dict[str, Any]]:
    random = torch.Generator().manual_seed(1)
    inputs = [torch.rand(6, generator=random) for _ in OBJECTS]
    samples = [SimpleNamespace(gt_instances=range(count)) for count in OBJECTS]
    starts = range(0, len(OBJECTS), images)
    return [
        {"inputs": inputs[n : n + images], "data_samples": samples[n : n + images]} for n in starts
    ]


def train(model: Detector, accumulation: int = 1) -> tuple[Tensor, list[Any], list[str]]:
    """Return the weights after all batches, the losses of each, and what was said."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    wrapper = OptimWrapper(optimizer, accumulative_counts=accumulation)
    wrapper.initialize_count_status(model, 0, len(batches()))
    said: list[str] = []
    step = AdaptiveStep(model, wrapper, said.append)
    outputs = [{name: float(value) for name, value in step(b).items()} for b in batches()]
    return model.weight.detach().clone(), outputs, said


@pytest.mark.parametrize("accumulation", [1, 2])
@pytest.mark.parametrize("backward_fails", [False, True])
@pytest.mark.parametrize("most", [3, 1])
def test_in_parts_the_weights_and_losses_are_those_of_whole_batches(
    accumulation: int, backward_fails: bool, most: int
) -> None:
    whole, losses, silent = train(Detector(), accumulation)
    model = Detector(most, backward_fails)
    parts, same_losses, said = train(model, accumulation)
    torch.testing.assert_close(parts, whole)
    for one, other in zip(losses, same_losses, strict=True):
        assert one["loss"] == pytest.approx(other["loss"], rel=1e-5)
    assert silent == []
    assert "going on with 2 at once" in said[0]
    assert len(said) == (1 if most == 3 else 2)
    # Once it is known what fits, it is not tried again.
    assert model.seen[-2:] == ([2, 2] if most == 3 else [1, 1])


@pytest.mark.parametrize(
    "message",
    [
        "CUDA error: out of memory",
        "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        "CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`",
        "cuDNN error: CUDNN_STATUS_NOT_INITIALIZED",
        "GET was unable to find an engine to execute this computation",
        "HIP out of memory. Tried to allocate 2.00 GiB",
        "[enforce fail at alloc_cpu.cpp:75] err == 0. DefaultCPUAllocator: can't allocate memory: "
        "you tried to allocate 8 bytes. Error code 12 (Cannot allocate memory)",
    ],
)
def test_memory_is_full_whatever_library_says_so(message: str) -> None:
    whole, _, _ = train(Detector())
    parts, _, said = train(Detector(most=2, error=RuntimeError(message)))
    torch.testing.assert_close(parts, whole)
    assert len(said) == 1


def test_another_error_is_no_lack_of_memory() -> None:
    with pytest.raises(RuntimeError, match="shapes"):
        train(Detector(most=2, error=RuntimeError("shapes do not fit")))


def test_weights_that_are_half_new_are_not_changed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise torch.cuda.OutOfMemoryError

    monkeypatch.setattr(sys.modules["torch.optim.sgd"], "sgd", fails)
    model = Detector()
    with pytest.raises(UserError, match="while the optimizer changed the weights"):
        train(model)
    assert model.seen == [4]


def test_memory_that_ends_between_the_batches_of_a_step_costs_none_of_them() -> None:
    whole, _, _ = train(Detector(), accumulation=2)
    model = Detector(backward_fails=True)
    forward = model.forward

    def second_call_fails(inputs: Any, data_samples: Any, mode: str = "loss") -> dict[str, Tensor]:
        model.most = 2 if len(model.seen) == 1 else 99
        return forward(inputs, data_samples, mode)

    model.forward = second_call_fails  # type: ignore[method-assign]
    weights, _, said = train(model, accumulation=2)
    torch.testing.assert_close(weights, whole)
    assert len(said) == 1


def test_a_single_image_that_does_not_fit_ends_the_run_with_what_to_change() -> None:
    with pytest.raises(UserError, match=r"a single image.*train_scales"):
        train(Detector(most=0))


@pytest.mark.usefixtures("mmdet_ready")
@pytest.mark.parametrize("accelerated", [True, False])
def test_recomputed_layers_are_advised_up_to_all_where_they_save_memory(accelerated: bool) -> None:
    detector = build_model(make_settings(tune="full", accelerated=accelerated))
    layers = len(detector.encoder.layers)
    for kept in (0, layers - 1):
        setting = advised_after(detector, kept)
        assert setting == f"checkpoint_layers: {layers}"
        name, _, value = setting.partition(": ")
        settings = make_settings(**{name: int(value)})
        probe = next(h for h in build_config(settings).custom_hooks if h.type == "ProbeHook")
        detector.checkpoint_layers(probe.checkpoint_layers)
        for layer in detector.encoder.layers:
            assert layer.checkpointed
            assert isinstance(layer, CheckpointedEncoderLayer)
    assert advised_after(detector, layers) is None


def test_recomputed_layers_are_not_advised_to_a_detector_without_such_layers() -> None:
    assert advised_after(Detector(), None) is None


@pytest.mark.parametrize("preset", yaml_files.preset_names())
def test_official_models_have_the_six_layers_that_readme_names(preset: str) -> None:
    layers = build_config(make_settings(preset)).model.encoder.num_layers
    assert layers == 6 or preset == "demo"


def advised_after(detector: Any, layers: int | None) -> str | None:
    """Return what a full memory advises to a detector of which some layers are recomputed."""
    if layers is not None:
        detector.checkpoint_layers(layers)
    step = AdaptiveStep(detector, OptimWrapper(torch.optim.SGD(detector.parameters(), 0.1)), print)
    step.images = 1
    step._pending.append(SimpleNamespace(data={"data_samples": [None]}))
    with pytest.raises(UserError) as stopped:
        step._halve()
    found = re.search("checkpoint_layers: [0-9]+", str(stopped.value))
    return found[0] if found else None


def test_one_of_several_processes_does_not_go_on_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smaller_parts, "get_world_size", lambda: 2)
    with pytest.raises(UserError, match=r"several processes.*--batch-size"):
        train(Detector(most=3))


def test_parts_weigh_as_much_as_their_objects() -> None:
    weights = [weight for _, weight in split(batches()[0], 2)]
    assert weights == [3 / 6, 3 / 6]
    assert [weight for _, weight in split(batches()[1], 2)] == [1 / 6, 6 / 6]
