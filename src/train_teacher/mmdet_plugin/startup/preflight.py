"""A trial step and validation before training; they leave no trace in the run."""

from __future__ import annotations

import copy
import math
import random
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmcv.transforms import RandomChoice, RandomChoiceResize
from mmdet.datasets import MultiImageMixDataset
from mmengine.runner import Runner
from mmengine.runner.amp import autocast
from torch import Tensor

from train_teacher.core.errors import UserError
from train_teacher.mmdet_plugin.checkpoints.hook import FOLDER
from train_teacher.mmdet_plugin.loop.not_finite import (
    CAUSES,
    NonFiniteGradientError,
    images,
    not_finite,
)
from train_teacher.mmdet_plugin.lora.adapters import lora_config
from train_teacher.mmdet_plugin.runner_access import all_joined, unwrapped
from train_teacher.mmdet_plugin.startup.disk_space import RunBytes, too_little_space
from train_teacher.mmdet_plugin.startup.memory_probe import trained_bytes
from train_teacher.mmdet_plugin.upstream_internals import batches_per_step, make_next_batch_a_step


def rehearse_step(runner: Any) -> RunBytes:
    """Train one batch of the most crowded image at the largest scale, and undo it.

    Args:
        runner: about to make its first step.

    Returns:
        What its checkpoints will hold.

    Raises:
        UserError: the loss is NaN or infinite, or not even one image fits into the memory.
    """
    dataset = _with_pipeline(runner.train_dataloader.dataset)
    images = getattr(runner.train_dataloader.batch_sampler, "batch_size", 1)
    with unchanged(runner):
        with largest_scale(dataset.pipeline.transforms):
            sample = _mixed_with_itself(runner.train_dataloader.dataset, most_crowded(dataset))
        batch = runner.train_dataloader.collate_fn([copy.deepcopy(sample) for _ in range(images)])
        runner.model.train()
        with _alone(runner.optim_wrapper):
            _refuse_bad_numbers(runner, batch)
        return bytes_to_write(runner)


def _refuse_bad_numbers(runner: Any, batch: Mapping[str, Any]) -> None:
    """Make the step; report NaN or infinite losses."""
    try:
        bad = not_finite(runner.train_loop.step(batch))
    except NonFiniteGradientError as error:
        bad = not_finite(getattr(unwrapped(runner), "latest_losses", None) or {}) or [str(error)]
    if bad:
        causes = "\n".join(f"  - {cause}" for cause in CAUSES)
        raise UserError(
            f"the loss of a trial step is NaN or infinite: {', '.join(bad)}.\nImage: "
            f"{images(batch)[0]}.\nNothing was trained. Likely causes:\n{causes}"
        )


def rehearse_validation(runner: Any) -> None:
    """Predict the most crowded image of a built validation loop; score it alone."""
    loop = runner.val_loop
    dataset = _with_pipeline(loop.dataloader.dataset)
    batch = loop.dataloader.collate_fn([dataset[most_crowded(dataset)]])
    evaluator = loop.evaluator
    training = runner.model.training
    runner.model.eval()
    with ExitStack() as undo:
        undo.callback(runner.model.train, training)
        for metric in evaluator.metrics:
            undo.enter_context(_attributes_kept(metric))
        with torch.no_grad(), autocast(enabled=loop.fp16):
            outputs = runner.model.val_step(batch)
        evaluator.process(data_samples=outputs, data_batch=batch)
        for metric in evaluator.metrics:
            # A score over all images would wait for those that were not predicted.
            metric.img_ids = [sample.img_id for sample in outputs]
        evaluator.evaluate(len(outputs))


def bytes_to_write(runner: Any) -> RunBytes:
    """Return what the checkpoints of a run hold once its optimizer has made a step."""
    model, wrapper = unwrapped(runner), runner.optim_wrapper
    now = trained_bytes(model)
    with all_joined(model):
        trained = trained_bytes(model)
    state = sum(map(_tensor_bytes, wrapper.optimizer.state.values())) * trained // now
    if batches_per_step(wrapper) > 1:
        state += trained  # a half-made step
    everything = sum(_size(tensor) for tensor in model.state_dict().values())
    saved = trained if getattr(model, "base_identity", None) else everything
    return RunBytes(saved, state, trained if lora_config(model) is not None else 0)


def check_space(runner: Runner, size: RunBytes) -> int:
    """Compare what will be written with what is free.

    Returns:
        Free bytes.

    Raises:
        UserError: it does not fit.
    """
    folder = Path(runner.work_dir)
    free = shutil.disk_usage(folder).free
    present = sum(path.stat().st_size for path in (folder / FOLDER).glob("*.pth"))
    if refusal := too_little_space(str(folder), size, present, free):
        raise UserError(refusal)
    return free


@contextmanager
def unchanged(runner: Any) -> Iterator[None]:
    """Put back, bit for bit, all that a first step changes.

    Weights, buffers, the optimizer with its wrapper, logged numbers and random generators.

    Args:
        runner: before its first step: its optimizer has no state yet.
    """
    model, wrapper = unwrapped(runner), runner.optim_wrapper
    optimizer, scalars = wrapper.optimizer, runner.message_hub.log_scalars
    tensors = [p for p in model.parameters() if p.requires_grad] + list(model.buffers())
    # In the host's memory: on a GPU it would add to what the step takes.
    before = [tensor.detach().to("cpu", copy=True) for tensor in tensors]
    logged = set(scalars)
    scaler = getattr(wrapper, "loss_scaler", None)
    scaling = copy.deepcopy(scaler.state_dict()) if scaler else None
    with _random_kept(), _attributes_kept(wrapper), _attributes_kept(optimizer):
        try:
            yield
        finally:
            with torch.no_grad():
                for tensor, old in zip(tensors, before, strict=True):
                    tensor.copy_(old)
            optimizer.zero_grad(set_to_none=True)
            optimizer.state.clear()
            if scaler:
                scaler.load_state_dict(scaling)
            for name in set(scalars) - logged:
                del scalars[name]


@contextmanager
def largest_scale(transforms: Sequence[Any]) -> Iterator[None]:
    """Replace random sizes by the largest, and random branches by the first: without crop."""
    with ExitStack() as undo:
        for transform in _all_transforms(transforms):
            undo.enter_context(_attributes_kept(transform))
            if isinstance(transform, RandomChoice):
                transform.prob = [1.0, *[0.0] * (len(transform.transforms) - 1)]
            else:
                transform.scales = [max(transform.scales, key=math.prod)]
        yield


def most_crowded(dataset: Any) -> int:
    """Return the index of the image with the most objects.

    Args:
        dataset: mmengine's BaseDataset. It keeps its records as one block of bytes, in which the
            longest has the most objects: nothing is unpacked.
    """
    dataset.full_init()
    if getattr(dataset, "serialize_data", False):
        return int(np.argmax(np.diff(dataset.data_address, prepend=0)))
    return int(np.argmax([len(record.get("instances", ())) for record in dataset.data_list]))


def _all_transforms(transforms: Sequence[Any]) -> Iterator[RandomChoice | RandomChoiceResize]:
    for transform in transforms:
        if isinstance(transform, RandomChoice):
            yield transform
            for branch in transform.transforms:
                yield from _all_transforms(branch.transforms)
        elif isinstance(transform, RandomChoiceResize):
            yield transform


def _with_pipeline(dataset: Any) -> Any:
    """Return the data set that loads, inside the ones that repeat, choose or mix."""
    while hasattr(dataset, "dataset"):
        dataset = dataset.dataset
    return dataset


def _mixed_with_itself(dataset: Any, index: int) -> Any:
    """Return the sample of an image; where images are mixed, of twice its objects, the most."""
    while hasattr(dataset, "dataset") and not isinstance(dataset, MultiImageMixDataset):
        dataset = dataset.dataset
    sample = _with_pipeline(dataset)[index]
    if isinstance(dataset, MultiImageMixDataset):
        sample["mix_results"] = [copy.deepcopy(sample)]
        for transform in dataset.pipeline:
            sample = transform(sample)
    return sample


@contextmanager
def _alone(wrapper: Any) -> Iterator[None]:
    """Let the next batch be an optimizer step of its own."""
    with _attributes_kept(wrapper):
        make_next_batch_a_step(wrapper)
        yield


@contextmanager
def _attributes_kept(thing: Any) -> Iterator[None]:
    before = dict(vars(thing))
    try:
        yield
    finally:
        vars(thing).clear()
        vars(thing).update(before)


@contextmanager
def _random_kept() -> Iterator[None]:
    python, numpy = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)


def _tensor_bytes(state: Mapping[str, Any]) -> int:
    return sum(_size(value) for value in state.values() if isinstance(value, Tensor))


def _size(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()
