"""A training step that continues in smaller parts when the memory runs out."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from mmengine.dist import get_world_size
from mmengine.model import is_model_wrapper
from torch import Tensor

from train_teacher.core.errors import UserError
from train_teacher.mmdet_plugin.checkpoints.half_step import pending_gradients, put_back
from train_teacher.mmdet_plugin.full_memory import give_back, unless_memory_is_full
from train_teacher.mmdet_plugin.upstream_internals import set_batch_count


@dataclass(frozen=True)
class _Batch:
    """A batch of the current optimizer step."""

    data: Mapping[str, Any]
    seed: int
    """Last seed of PyTorch's generators."""


class AdaptiveStep:
    """One call of the model, with the optimizer step that may be due after it.

    When the memory runs out, everything since the last optimizer step is done again with half as
    many images at once: no image is left out; the optimizer steps, their learning rates and, up
    to rounding and to what the model draws at random, their gradients stay as planned.

    Args:
        model: as MMEngine wrapped it.
        say: called with a sentence when the parts become smaller.
    """

    def __init__(self, model: Any, optim_wrapper: Any, say: Callable[[str], None]) -> None:
        """Start with whole batches."""
        self.use(model)
        self._wrapper = optim_wrapper
        self._say = say
        self._pending: list[_Batch] = []
        self._first_count = 0
        self._carried: dict[str, Tensor] = {}
        self._updating = False
        optim_wrapper.optimizer.register_step_pre_hook(self._update_begins)
        optim_wrapper.optimizer.register_step_post_hook(self._update_ends)
        self.images: int | None = None
        """Images at once; None as long as whole batches fit."""

    def use(self, model: Any) -> None:
        """Go on with a detector that was wrapped again."""
        self._model = model
        self._detector = model.module if is_model_wrapper(model) else model

    def __call__(self, data: Mapping[str, Any]) -> Mapping[str, Any]:
        """Train on one batch.

        Args:
            data: `inputs` and `data_samples`, as the loader collates them.

        Returns:
            Losses by name, with their sum as `loss`.

        Raises:
            UserError: the memory does not hold a single image, or there are several processes, or
                it was full while the weights were changed.
        """
        if not self._pending:
            self._first_count = self._wrapper.inner_count
            # Only in the first step after --resume.
            self._carried = pending_gradients(self._detector, self._wrapper)
        self._pending.append(_Batch(data, torch.initial_seed()))
        outputs = self._attempt(self._pending[-1:], again=False)
        while outputs is None:
            self._halve()
            self._wrapper.zero_grad()
            set_batch_count(self._wrapper, self._first_count)
            put_back(self._detector, self._carried)
            outputs = self._attempt(self._pending, again=True)
        if self._wrapper.should_update():
            self._pending.clear()
        return outputs

    def _attempt(self, batches: Sequence[_Batch], *, again: bool) -> Mapping[str, Any] | None:
        """Return the losses of the last batch; None when the memory ran out."""

        def work() -> Mapping[str, Any]:
            outputs: Mapping[str, Any] = {}
            for batch in batches:
                if again:
                    torch.manual_seed(batch.seed)
                outputs = self._step(batch.data)
            return outputs

        self._updating = False
        outputs = unless_memory_is_full(work)
        if outputs is None and self._updating:
            raise UserError(
                "the memory ran out while the optimizer changed the weights: some are new and some "
                "are not, so the step cannot be repeated. The last checkpoint is kept. Continue "
                "with --resume when the memory is free, or start again with a smaller "
                "--batch-size or with smaller `train_scales`."
            )
        return outputs

    def _update_begins(self, *_: Any) -> None:
        self._updating = True

    def _update_ends(self, *_: Any) -> None:
        self._updating = False

    def _step(self, data: Mapping[str, Any]) -> Mapping[str, Any]:
        if self.images is None or len(data["data_samples"]) <= self.images:
            whole: Mapping[str, Any] = self._model.train_step(data, optim_wrapper=self._wrapper)
            return whole
        return self._step_in_parts(data, self.images)

    def _step_in_parts(self, data: Mapping[str, Any], images: int) -> dict[str, float]:
        wrapper = self._wrapper
        count = wrapper.inner_count
        logged: dict[str, float] = {}
        for part, weight in split(data, images):
            with wrapper.optim_context(self._detector):
                inputs = self._detector.data_preprocessor(part, True)
                losses = self._detector(**inputs, mode="loss")
            total, values = self._detector.parse_losses(losses)
            # All parts together count as one batch.
            set_batch_count(wrapper, count)
            wrapper.backward(wrapper.scale_loss(total * weight))
            for name, value in values.items():
                logged[name] = logged.get(name, 0.0) + weight * float(value)
        self._detector.latest_losses = logged
        if wrapper.should_update():
            wrapper.step()
            wrapper.zero_grad()
        return logged

    def _halve(self) -> None:
        most = max(len(batch.data["data_samples"]) for batch in self._pending)
        now = min(most, self.images or most)
        if get_world_size() > 1:
            raise UserError(
                f"the memory is full with {now} images at once, and one of several processes "
                "cannot make its batch smaller alone: all were stopped, the last checkpoint is "
                "kept. Start again with --batch-size auto or a smaller --batch-size, or with "
                "smaller `train_scales` in a --config file."
            )
        if now == 1:
            raise UserError(
                "out of memory with a single image at once: a smaller batch would not help. "
                "The last checkpoint is kept. Use smaller `train_scales` in a --config file"
                f"{_recomputation(self._detector)}; on a GPU, nvidia-smi shows whether "
                "another program holds its memory (then end it and continue with --resume)."
            )
        self.images = math.ceil(now / 2)
        give_back()
        self._say(
            f"out of memory with {now} images at once: going on with {self.images} at once and "
            f"{math.ceil(most / self.images)} parts for each batch of {most}. Optimizer steps and "
            "learning rates stay as planned, and no image is left out; a step takes longer."
        )


def _recomputation(detector: Any) -> str:
    """Return the setting that recomputes every encoder layer, where that would save memory."""
    layers = getattr(getattr(detector, "encoder", None), "layers", ())
    if all(getattr(layer, "checkpointed", True) for layer in layers):
        return ""  # they are already, or cannot be
    return f", or `checkpoint_layers: {len(layers)}` there"


def split(data: Mapping[str, Any], images: int) -> Iterator[tuple[dict[str, Any], float]]:
    """Divide a batch.

    The losses are means over the objects of a batch, at least one (DETRHead.loss_by_feat), so a
    part weighs as much as it has objects: the sum is then the loss of the whole batch.

    Args:
        data: `inputs` and `data_samples`, one item an image.
        images: of a part.

    Returns:
        Parts with their weights.
    """
    samples = data["data_samples"]
    objects = [len(sample.gt_instances) for sample in samples]
    whole = max(sum(objects), 1)
    for start in range(0, len(samples), images):
        end = start + images
        part = {name: values[start:end] for name, values in data.items()}
        yield part, max(sum(objects[start:end]), 1) / whole
