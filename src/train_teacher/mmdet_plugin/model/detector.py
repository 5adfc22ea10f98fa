"""Grounding DINO with truly frozen parts that keeps the weights it loaded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from mmdet.registry import MODELS
from mmengine.logging import MMLogger
from torch import Tensor, nn
from torch.nn.functional import pad

from train_teacher.core.errors import UserError
from train_teacher.core.rewrites import LORA_PRODUCT
from train_teacher.mmdet_plugin.accelerated.detector import AcceleratedGroundingDINO
from train_teacher.mmdet_plugin.checkpoints.base import load_base_checkpoint
from train_teacher.mmdet_plugin.checkpoints.base_identity import BaseIdentity, identify_base
from train_teacher.mmdet_plugin.lora.adapters import inject_lora, options_from
from train_teacher.mmdet_plugin.model.many_classes import ChunkedGroundingDINO
from train_teacher.mmdet_plugin.model.skip_initialisation import SkipInitialisation, draw_embeddings

COARSEST_STRIDE = 64
"""Pixels of the last feature level; each before it has half."""


@MODELS.register_module()
class TeacherGroundingDINO(ChunkedGroundingDINO, AcceleratedGroundingDINO):
    """MMDetection's Grounding DINO with a base checkpoint and frozen parts.

    Everything is done in the constructor, before MMEngine wraps the model for distributed
    training and before the optimizer is built: the order that makes a freeze true
    (mmengine runner.py: build_model, wrap_model, build_optim_wrapper, init_weights).

    Args:
        frozen_modules: names of sub-modules that never change, such as `backbone`.
        joining_modules: names of those that are frozen like them until `join`.
        base_checkpoint: file to start from; None starts from random weights.
        lora: options of the adapters (`LoraOptions`); None trains without.
    """

    base_identity: BaseIdentity | None = None
    """None: random weights."""

    def __init__(
        self,
        *args: Any,
        frozen_modules: Sequence[str] = (),
        joining_modules: Sequence[str] = (),
        base_checkpoint: str | None = None,
        lora: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Build the detector, load its base checkpoint, freeze, and put in adapters.

        Raises:
            UserError: the checkpoint does not fit, or a part to freeze or adapt does not exist.
        """
        self.has_base = self._keeps_weights = False
        if base_checkpoint is None:
            super().__init__(*args, **kwargs)
        else:
            # Hashing leaves the interpreter free: the model is built and filled meanwhile.
            with ThreadPoolExecutor(max_workers=1) as aside:
                identity = aside.submit(identify_base, Path(base_checkpoint))
                with SkipInitialisation():
                    super().__init__(*args, **kwargs)
                report = load_base_checkpoint(self, Path(base_checkpoint))
            draw_embeddings(self, report.reinitialised)
            self.has_base = self._keeps_weights = True
            self.base_identity = identity.result()
            MMLogger.get_current_instance().info(
                f"base checkpoint {base_checkpoint}, SHA-256 {self.base_identity.sha256}: {report}"
            )
        self.frozen_modules = tuple(frozen_modules)
        """Of this moment."""
        for name in self.frozen_modules:
            self._part(name).requires_grad_(False).eval()
        self.joining_modules = tuple(joining_modules)
        parts = map(self._part, self.joining_modules)
        self.joining_parameters = [p for m in parts for p in m.parameters() if p.requires_grad]
        self.wait()
        if lora is not None:
            # Without a base the random weights are drawn first: drawing them later would
            # overwrite the adapters too.
            self.init_weights()
            self._keeps_weights = True
            inject_lora(self, options_from(lora), self.frozen_modules)
            if LORA_PRODUCT in self.accelerated:
                # Here, because it imports PEFT, which takes seconds.
                from train_teacher.mmdet_plugin.accelerated.lora_linear import (
                    add_adapters_within_products,
                )

                add_adapters_within_products(self)

    def _part(self, name: str) -> nn.Module:
        try:
            part: nn.Module = self.get_submodule(name)
        except AttributeError:
            parts = ", ".join(sorted(child for child, _ in self.named_children()))
            raise UserError(
                f"--freeze {name}: the model has no such part. Parts: {parts}."
            ) from None
        return part

    def wait(self) -> None:
        """Freeze the parts that join later."""
        self._frozen_now(waits=True)

    def join(self) -> None:
        """Train the parts that waited."""
        self._frozen_now(waits=False)

    def _frozen_now(self, *, waits: bool) -> None:
        for parameter in self.joining_parameters:
            parameter.requires_grad_(not waits)
        for name in self.joining_modules:
            self._part(name).train(self.training and not waits)
        others = tuple(n for n in self.frozen_modules if n not in self.joining_modules)
        self.frozen_modules = (*others, *(self.joining_modules if waits else ()))

    @property
    def waiting_parameters(self) -> list[nn.Parameter]:
        """Return the parameters that are frozen now and join later."""
        return [p for p in self.joining_parameters if not p.requires_grad]

    @contextmanager
    def all_joined(self) -> Iterator[None]:
        """Be for a while what it will be once every part has joined."""
        if not self.waiting_parameters:
            yield
            return
        self.join()
        try:
            yield
        finally:
            self.wait()

    def init_weights(self) -> None:
        """Initialize the weights, unless that would overwrite a base checkpoint or adapters.

        DINO.init_weights (mmdet dino.py:69) redraws every encoder and decoder matrix, and MMEngine
        calls it after loading.
        """
        if self._keeps_weights:
            return
        # The language model has its own pretrained weights even without a base checkpoint.
        super().init_weights()

    def train(self, mode: bool = True) -> TeacherGroundingDINO:
        """Set training mode, except for the frozen parts, which stay in evaluation mode.

        Dropout and drop path would otherwise change what a frozen part computes. SwinTransformer's
        own `train` returns None, so nothing is chained.
        """
        super().train(mode)
        for name in getattr(self, "frozen_modules", ()):
            self._part(name).eval()
        return self

    def forward(self, inputs: Tensor, data_samples: Any = None, mode: str = "tensor") -> Any:
        """Run as MMDetection does, with at least as many points as queries."""
        return super().forward(self._with_room(inputs, data_samples), data_samples, mode)

    def _with_room(self, inputs: Tensor, samples: Sequence[Any] | None) -> Tensor:
        """Pad images too small or narrow for the first stage, as a larger image in the batch would.

        It chooses as many points as there are queries and fails where there are fewer
        (mmdet grounding_dino.py:365).
        """
        height, width = inputs.shape[-2:]
        strides = [COARSEST_STRIDE >> level for level in range(self.num_feature_levels)]

        def points() -> int:
            return sum(-(-height // stride) * -(-width // stride) for stride in strides)

        while points() < self.num_queries:
            if height < width:
                height += COARSEST_STRIDE
            else:
                width += COARSEST_STRIDE
        if (height, width) == inputs.shape[-2:] or samples is None:
            return inputs
        for sample in samples:
            sample.set_metainfo({"batch_input_shape": (height, width)})
        return pad(inputs, (0, width - inputs.shape[-1], 0, height - inputs.shape[-2]))

    def extract_feat(self, batch_inputs: Tensor) -> tuple[Tensor, ...]:
        """Return (N, 256, H_l, W_l) by level; a frozen backbone records nothing for backward."""
        frozen = "backbone" in self.frozen_modules
        with torch.set_grad_enabled(torch.is_grad_enabled() and not frozen):
            features = self.backbone(batch_inputs)
        return tuple(self.neck(features)) if self.with_neck else tuple(features)

    def forward_decoder(self, query: Tensor, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Run the decoder; a batch without any box still touches the denoising labels.

        mmdet compares the batch size with the number of queries there (dino.py:277), so on such a
        batch `label_embedding` would get no gradient and distributed training would wait for ever.

        Args:
            query: (N, queries, 256).

        Returns:
            `hidden_states` and `references` of every decoder layer.
        """
        outputs: dict[str, Any] = super().forward_decoder(query, *args, **kwargs)
        if self.training and query.shape[1] == self.num_queries:
            touch = self.dn_query_generator.label_embedding.weight[0, 0] * 0.0
            outputs["hidden_states"] = outputs["hidden_states"] + touch
        return outputs
