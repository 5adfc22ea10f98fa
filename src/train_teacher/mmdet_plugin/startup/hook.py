"""Adaptation of a run to its machine before it starts, with a report."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Literal

import torch
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import Runner

from train_teacher.mmdet_plugin.accelerated.deformable_attention import backend_for
from train_teacher.mmdet_plugin.runner_access import say, unwrapped
from train_teacher.mmdet_plugin.startup.memory_probe import (
    Choice,
    agreed,
    choose,
    crowded_batch,
    peak_of_step,
    usable_bytes,
)
from train_teacher.mmdet_plugin.startup.preflight import (
    bytes_to_write,
    check_space,
    rehearse_step,
    rehearse_validation,
)
from train_teacher.mmdet_plugin.upstream_internals import train_loader_config


@HOOKS.register_module()
class ProbeHook(Hook):
    """Chooses recomputed encoder layers and the images that go through the model at once.

    Args:
        image: height and width of the largest training image.
        boxes: of the most crowded image.
        checkpoint_layers: `auto`, or the number of encoder layers to compute again.
        fit_batch: whether a step's images may go through the model in parts.
        preflight: whether a step, a validation image and the disk are tried before training.
    """

    # Before FreezeProofHook, which watches the gradients of the run's own steps.
    priority = "HIGHEST"

    def __init__(
        self,
        image: tuple[int, int],
        boxes: int,
        classes: tuple[str, ...],
        checkpoint_layers: int | Literal["auto"] = "auto",
        fit_batch: bool = False,
        preflight: bool = True,
    ) -> None:
        """Store the demands of the data."""
        self._image = image[0], image[1]
        self._boxes = boxes
        self._classes = tuple(classes)
        self._layers = checkpoint_layers
        self._fit_batch = fit_batch
        self._preflight = preflight
        self.choice: Choice | None = None

    def fit(self, runner: Runner) -> None:
        """Choose, before data loader and optimizer are built.

        Args:
            runner: its model is on the device, its loader and optimizer are still configs.

        Raises:
            UserError: no setting fits.
        """
        model: Any = unwrapped(runner)
        device = next(model.parameters()).device
        if device.type != "cuda":
            if isinstance(self._layers, int):
                model.checkpoint_layers(self._layers)
            return
        self.choice = agreed(lambda: self._probe(runner, model, device))
        model.checkpoint_layers(self.choice.layers)
        split_batch(runner, self.choice.images)

    def before_train(self, runner: Runner) -> None:
        """Report the choices, and try what the run will do.

        Raises:
            UserError: it would fail.
        """
        model: Any = unwrapped(runner)
        if model.accelerated:
            backend = backend_for(next(model.parameters()).device).name
            say(runner, f"accelerated, with equal results: {', '.join(sorted(model.accelerated))}")
            say(runner, f"deformable attention: {backend}")
        else:
            say(runner, "own modules: MMDetection's, none of them replaced")
        if self.choice:
            say(
                runner,
                f"probe step: {self.choice.peak / 2**30:.1f} GiB of GPU memory with "
                f"{self.choice.images} images of {self._image[1]}x{self._image[0]} at once, "
                f"{self.choice.layers} encoder layers recomputed",
            )
        if self._preflight:
            _rehearse(runner)

    def _probe(self, runner: Runner, model: Any, device: torch.device) -> Choice:
        every = range(len(model.encoder.layers) + 1)
        choices = every if self._layers == "auto" else [self._layers]
        model.train()

        def measure(layers: int, images: int) -> int | None:
            model.checkpoint_layers(layers)
            batch = crowded_batch(images, self._image, self._boxes, self._classes, device)
            with model.all_joined():
                return peak_of_step(model, batch, _precision(runner.optim_wrapper))

        batch_size = runner.cfg.train_dataloader.batch_size
        return choose(measure, usable_bytes(device), batch_size, choices, self._fit_batch)


def _rehearse(runner: Runner) -> None:
    """Fail before training what would fail later; a resumed run has made its steps already."""
    started = time.monotonic()
    runner.logger.info("preflight: trying a step and a validation image, then undoing them")
    size = bytes_to_write(runner) if runner.iter else rehearse_step(runner)
    free = check_space(runner, size)
    rehearse_validation(runner)
    tried = "a validation image" if runner.iter else "a step and a validation image"
    say(
        runner,
        f"preflight: {tried} tried in {time.monotonic() - started:.1f} s; up to "
        f"{size.needed() / 1e6:,.0f} MB will be written, {free / 1e6:,.0f} MB are free",
    )


def _precision(optim_wrapper: Any) -> AbstractContextManager[object]:
    if optim_wrapper["type"] != "AmpOptimWrapper":
        return nullcontext()
    return torch.autocast("cuda", getattr(torch, optim_wrapper.get("dtype") or "float16"))


def split_batch(runner: Any, images: int) -> None:
    """Let a step's images go through the model in parts, with the same steps and rates.

    Loader, optimizer and schedule are still configs; `images` of a part divide the batch size.
    """
    loader = train_loader_config(runner)
    parts = loader["batch_size"] // images
    if parts == 1:
        return
    loader["batch_size"] = images
    whole = runner.optim_wrapper.get("accumulative_counts", 1)
    runner.optim_wrapper["accumulative_counts"] = whole * parts
    # MMEngine counts parts as iterations.
    for scheduler in runner.param_schedulers:
        if not scheduler.get("by_epoch", True):
            scheduler["begin"] *= parts
            scheduler["end"] *= parts
