"""Grounding DINO with the same results at lower cost: fewer waits, fewer copies, less memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from mmcv.cnn.bricks.transformer import MultiheadAttention
from mmcv.ops import MultiScaleDeformableAttention
from mmdet.models.dense_heads import GroundingDINOHead
from mmdet.models.dense_heads.grounding_dino_head import ContrastiveEmbed
from mmdet.models.detectors.glip import create_positive_map
from mmdet.models.layers import CdnQueryGenerator
from mmdet.models.layers.transformer.grounding_dino_layers import GroundingDinoTransformerEncoder
from mmdet.models.utils.vlfuse_helper import BiMultiHeadAttention
from torch import Tensor, nn

from train_teacher.core.errors import UserError
from train_teacher.core.rewrites import FORMER, LORA_PRODUCT, REWRITES
from train_teacher.mmdet_plugin.accelerated.attention import (
    TeacherBiAttention,
    TeacherMultiheadAttention,
)
from train_teacher.mmdet_plugin.accelerated.deformable_attention import (
    TeacherDeformableAttention,
    backend_for,
)
from train_teacher.mmdet_plugin.accelerated.denoising import TeacherQueryGenerator
from train_teacher.mmdet_plugin.accelerated.head import TeacherGroundingDINOHead
from train_teacher.mmdet_plugin.accelerated.level_geometry import (
    LevelSizes,
    reference_points,
    sizes_of,
)
from train_teacher.mmdet_plugin.accelerated.loss_log import LossLog
from train_teacher.mmdet_plugin.accelerated.precision import (
    FullPrecisionContrast,
    keep_boxes_precise,
)
from train_teacher.mmdet_plugin.accelerated.prediction import AcceleratedPrediction
from train_teacher.mmdet_plugin.accelerated.recomputation import checkpoint_layers
from train_teacher.mmdet_plugin.full_memory import ImageByImage

TEXT_WIDTH_STEP = 16
"""Training logits are as wide as the prompt, rounded up to this; predictions have full width."""
MAX_PROMPTS = 64


class TeacherEncoder(GroundingDinoTransformerEncoder):
    """mmdet's encoder, with reference points from sizes that the host knows."""

    @staticmethod
    def get_encoder_reference_points(
        spatial_shapes: Tensor | LevelSizes, valid_ratios: Tensor, device: torch.device | str
    ) -> Tensor:
        """Return (N, points, levels, 2) reference points; arguments are mmdet's."""
        return reference_points(sizes_of(spatial_shapes), valid_ratios)


FASTER: Mapping[str, tuple[type, type]] = {
    "attention": (MultiheadAttention, TeacherMultiheadAttention),
    "deformable_attention": (MultiScaleDeformableAttention, TeacherDeformableAttention),
    "denoising": (CdnQueryGenerator, TeacherQueryGenerator),
    "fusion": (BiMultiHeadAttention, TeacherBiAttention),
    "geometry": (GroundingDinoTransformerEncoder, TeacherEncoder),
    "losses": (GroundingDINOHead, TeacherGroundingDINOHead),
    "precision": (ContrastiveEmbed, FullPrecisionContrast),
}
"""mmdet's module and its replacement, by rewrite; the other rewrites are methods."""


@dataclass(frozen=True)
class Prompt:
    """Caption and class tokens of a list of class names."""

    caption: str
    class_tokens: Tensor
    """(classes, text width): 1 where a token of the caption belongs to the class."""


class AcceleratedGroundingDINO(AcceleratedPrediction):
    """MMDetection's Grounding DINO with the same parameters, losses and predictions.

    Args:
        accelerated: names of `REWRITES` to use; the rest is MMDetection's own.
        checkpoint_layers: encoder layers that are recomputed in the backward pass.
    """

    latest_losses: Mapping[str, Any] | None = None
    """Of the batch before, or of this one once it has them: for a message about a bad step."""

    def __init__(
        self,
        *args: Any,
        accelerated: Collection[str] = (*REWRITES, LORA_PRODUCT),
        checkpoint_layers: int = 0,
        **kwargs: Any,
    ) -> None:
        """Build the detector and replace modules by faster ones.

        Raises:
            UserError: there is no such rewrite, or one that another needs is left out.
        """
        super().__init__(*args, **kwargs)
        self.accelerated = _checked(accelerated)
        self._spared = ImageByImage()
        self._prompts: OrderedDict[tuple[object, torch.device], Prompt] = OrderedDict()
        faster = dict(FASTER[name] for name in FASTER if name in accelerated)
        for module in self.modules():
            module.__class__ = faster.get(type(module), type(module))
        if "precision" in accelerated:
            keep_boxes_precise(self.bbox_head)
        if "text_cache" not in accelerated:
            self.language_model.text_cache = None
        self.checkpoint_layers(checkpoint_layers)

    def checkpoint_layers(self, count: int) -> None:
        """Choose how many encoder layers, from 0 to all, are recomputed instead of kept."""
        checkpoint_layers(self.encoder, count)

    def loss(self, batch_inputs: Tensor, batch_data_samples: Sequence[Any]) -> dict[str, Tensor]:
        """Compute the losses of a batch.

        Args:
            batch_inputs: (N, 3, height, width), normalized.
            batch_data_samples: with `text` and `gt_instances`; samples with `tokens_positive`
                (grounding data) take mmdet's own path.

        Returns:
            Losses by mmdet's names.
        """
        if "prompts" not in self.accelerated or "tokens_positive" in batch_data_samples[0]:
            return super().loss(batch_inputs, batch_data_samples)  # type: ignore[no-any-return]
        device = batch_inputs.device
        prompts = [self._prompt(sample.text, device) for sample in batch_data_samples]
        text = self.language_model([prompt.caption for prompt in prompts])
        text["embedded"] = self.text_feat_map(text["embedded"])
        with self._text_width(text["embedded"].shape[1]) as width:
            for index, (sample, prompt) in enumerate(zip(batch_data_samples, prompts, strict=True)):
                truth = sample.gt_instances
                truth.positive_maps = prompt.class_tokens[truth.labels, :width]
                truth.text_token_mask = text["text_token_mask"][index].expand(len(truth), -1)
            features = self.extract_feat(batch_inputs)
            head_inputs = self.forward_transformer(features, text, batch_data_samples)
            losses: dict[str, Tensor] = self.bbox_head.loss(
                **head_inputs, batch_data_samples=batch_data_samples
            )
        return losses

    def parse_losses(self, losses: dict[str, Any]) -> tuple[Tensor, Mapping[str, Any]]:
        """Sum the losses; their values for the log are read from the device with one sync.

        Args:
            losses: tensors or lists of tensors by name; names with `loss` are summed.

        Returns:
            The total, and all values with the total as `loss`.
        """
        if "loss_log" not in self.accelerated:
            total, stock = super().parse_losses(losses)
            self.latest_losses = {name: value.detach() for name, value in stock.items()}
            return total, stock
        values = {
            name: sum(part.mean() for part in value) if isinstance(value, list) else value.mean()
            for name, value in losses.items()
        }
        total = torch.stack([value for name, value in values.items() if "loss" in name]).sum()
        logged = torch.stack([total, *values.values()])
        self.latest_losses = LossLog(["loss", *values], logged)
        return total, self.latest_losses

    def pre_transformer(
        self, mlvl_feats: Sequence[Tensor], batch_data_samples: Sequence[Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Flatten the levels; as mmdet's deformable_detr.py:118-236, with sizes from the host.

        Args:
            mlvl_feats: (N, channels, H_l, W_l) by level.
            batch_data_samples: with `batch_input_shape` and `img_shape`.

        Returns:
            Inputs of encoder and decoder.
        """
        if "geometry" not in self.accelerated or batch_data_samples is None:
            return super().pre_transformer(mlvl_feats, batch_data_samples)  # type: ignore[no-any-return]
        first = mlvl_feats[0]
        # Its self-check must not fall into a layer that is computed twice: the two would differ.
        backend_for(first.device)
        padding = _padding(mlvl_feats, batch_data_samples)
        positions = [
            self.positional_encoding(mask, input=level)
            for mask, level in zip(padding, mlvl_feats, strict=True)
        ]
        sizes = tuple((level.shape[2], level.shape[3]) for level in mlvl_feats)
        if padding[0] is None:
            flat_padding = None
            ratios = first.new_ones(len(first), len(sizes), 2)
        else:
            flat_padding = torch.cat([mask.flatten(1) for mask in padding], 1)
            ratios = torch.stack([self.get_valid_ratio(mask) for mask in padding], 1)
        geometry = {
            # mmdet only hands the two on, to modules of ours: see level_geometry.
            "spatial_shapes": sizes,
            "level_start_index": None,
            "valid_ratios": ratios,
        }
        embeddings = [
            position.flatten(2).transpose(1, 2) + own
            for position, own in zip(positions, self.level_embed, strict=True)
        ]
        encoder_inputs = {
            "feat": torch.cat([level.flatten(2).transpose(1, 2) for level in mlvl_feats], 1),
            "feat_mask": flat_padding,
            "feat_pos": torch.cat(embeddings, 1),
        }
        return encoder_inputs | geometry, {"memory_mask": flat_padding} | geometry

    def _prompt(self, text: str | Sequence[str], device: torch.device) -> Prompt:
        key = (text if isinstance(text, str) else tuple(text), device)
        if key not in self._prompts:
            tokenized, caption, spans, _ = self.get_tokens_and_prompts(text, True)
            tokens = create_positive_map(tokenized, spans, self.bbox_head.max_text_len)
            self._prompts[key] = Prompt(caption, tokens.bool().float().to(device))
            if len(self._prompts) > MAX_PROMPTS:
                self._prompts.popitem(last=False)
        return self._prompts[key]

    @contextmanager
    def _text_width(self, tokens: int) -> Iterator[int]:
        """Narrow logits and targets to the width of the prompt, and restore it afterwards.

        The loss looks at the prompt's tokens only (grounding_dino_head.py:535-550).
        """
        head = self.bbox_head
        full = head.max_text_len
        width = min(full, -(-tokens // TEXT_WIDTH_STEP) * TEXT_WIDTH_STEP)
        try:
            _set_text_width(head, width)
            yield width
        finally:
            _set_text_width(head, full)


def _checked(accelerated: Collection[str]) -> frozenset[str]:
    known = (*REWRITES, LORA_PRODUCT)
    accelerated = set(accelerated) - set(FORMER)
    if unknown := sorted(accelerated - set(known)):
        raise UserError(f"model.accelerated has no {unknown[0]!r}: {', '.join(known)}.")
    if "geometry" in accelerated and "deformable_attention" not in accelerated:
        raise UserError(
            "model.accelerated: geometry hands sizes to deformable_attention that MMDetection's "
            "own cannot read; leave both out."
        )
    return frozenset(accelerated)


def _set_text_width(head: Any, width: int) -> None:
    head.max_text_len = width
    # A branch may be a wrapper of PEFT's around the one that computes.
    for module in head.cls_branches.modules():
        if isinstance(module, ContrastiveEmbed):
            module.max_text_len = width


def _padding(levels: Sequence[Tensor], samples: Sequence[Any]) -> list[Any]:
    """Return (N, H_l, W_l) masks by level, True outside the image; None without padding."""
    height, width = samples[0].batch_input_shape
    shapes = [tuple(sample.img_shape[:2]) for sample in samples]
    if all(shape == (height, width) for shape in shapes):
        return [None] * len(levels)
    outside = levels[0].new_ones(len(shapes), height, width)
    for mask, (own_height, own_width) in zip(outside, shapes, strict=True):
        mask[:own_height, :own_width] = 0
    return [
        nn.functional.interpolate(outside[None], size=level.shape[-2:])[0].bool()
        for level in levels
    ]
