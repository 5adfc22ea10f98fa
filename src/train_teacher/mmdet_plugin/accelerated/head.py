"""Losses of all layers at once, without host-device syncs between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from mmdet.models.dense_heads import GroundingDINOHead
from mmdet.models.losses import FocalLoss, GIoULoss, L1Loss
from mmdet.registry import MODELS
from mmdet.utils import reduce_mean
from mmengine.dist import get_world_size
from torch import Tensor

from train_teacher.mmdet_plugin.accelerated.focal_loss import focal_terms
from train_teacher.mmdet_plugin.accelerated.level_geometry import image_extents, to_device
from train_teacher.mmdet_plugin.accelerated.matching import (
    GroundTruth,
    MatchCosts,
    corners,
    giou,
    match,
)
from train_teacher.mmdet_plugin.accelerated.prediction import class_tokens, predict_batch

EPS = torch.finfo(torch.float32).eps
"""Added by mmdet to an average factor (losses/utils.py:57)."""


@dataclass(frozen=True)
class Targets:
    """Targets of the matched queries of every layer."""

    tokens: Tensor
    """(layers or 1, N, queries, tokens): 1 where the logit should be high."""
    boxes: Tensor
    """(layers, matches, 4) predicted boxes of the matched queries."""
    wanted: Tensor
    """(layers or 1, matches, 4) boxes they should be."""
    extents: Tensor
    """(layers or 1, matches, 4) width and height of their images, twice."""
    classes_average: Tensor | float
    boxes_average: Tensor | float


@MODELS.register_module()
class TeacherGroundingDINOHead(GroundingDINOHead):
    """mmdet's head with the same losses, computed for all decoder layers together.

    mmdet goes through layers and images one by one, and each turn waits for the device about ten
    times (cost matrix, `nonzero`, `unique`, average factors, "is any weight positive"). Another
    assigner or loss than the recipe's takes mmdet's own path.
    """

    def loss(
        self,
        hidden_states: Tensor,
        references: Sequence[Tensor],
        memory_text: Tensor,
        text_token_mask: Tensor,
        enc_outputs_class: Tensor,
        enc_outputs_coord: Tensor,
        batch_data_samples: Sequence[Any],
        dn_meta: dict[str, int],
    ) -> dict[str, Tensor]:
        """Compute predictions and losses in 32 bits.

        Boxes in 16 bits are wrong by pixels (bf16) or overflow as areas (fp16).

        Args:
            hidden_states: (layers, N, queries, channels).
            references: boxes (N, queries, 4) before each layer and after the last.
            memory_text: (N, tokens, channels).
            text_token_mask: (N, tokens).
            enc_outputs_class: (N, matching queries, text width) logits of the first stage.
            enc_outputs_coord: (N, matching queries, 4).
            batch_data_samples: with `gt_instances`.
            dn_meta: number of denoising queries and groups.

        Returns:
            Losses by mmdet's names.
        """
        with torch.autocast(hidden_states.device.type, enabled=False):
            losses: dict[str, Tensor] = super().loss(
                hidden_states.float(),
                [reference.float() for reference in references],
                memory_text.float(),
                text_token_mask,
                enc_outputs_class.float(),
                enc_outputs_coord.float(),
                batch_data_samples,
                dn_meta,
            )
        return losses

    def loss_by_feat(
        self,
        all_layers_cls_scores: Tensor,
        all_layers_bbox_preds: Tensor,
        enc_cls_scores: Tensor,
        enc_bbox_preds: Tensor,
        batch_gt_instances: Sequence[Any],
        batch_img_metas: Sequence[dict[str, Any]],
        dn_meta: dict[str, int],
        batch_gt_instances_ignore: Sequence[Any] | None = None,
    ) -> dict[str, Tensor]:
        """Compute the losses of decoder layers, first stage and denoising.

        Args:
            all_layers_cls_scores: (layers, N, queries, text width) logits.
            all_layers_bbox_preds: (layers, N, queries, 4).
            enc_cls_scores: (N, matching queries, text width).
            enc_bbox_preds: (N, matching queries, 4).
            batch_gt_instances: boxes, labels and positive maps of every image.
            batch_img_metas: with `img_shape`.
            dn_meta: number of denoising queries and groups.
            batch_gt_instances_ignore: unused, as in mmdet.

        Returns:
            Losses by mmdet's names.
        """
        costs = self._costs()
        if costs is None:
            losses: dict[str, Tensor] = super().loss_by_feat(
                all_layers_cls_scores,
                all_layers_bbox_preds,
                enc_cls_scores,
                enc_bbox_preds,
                batch_gt_instances,
                batch_img_metas,
                dn_meta,
                batch_gt_instances_ignore,
            )
            return losses
        tokens = self.text_masks
        width = tokens.shape[1]
        truth = _truth(batch_gt_instances, batch_img_metas, width)
        first = dn_meta["num_denoising_queries"]
        logits = torch.cat([all_layers_cls_scores[:, :, first:], enc_cls_scores[None]])[..., :width]
        boxes = torch.cat([all_layers_bbox_preds[:, :, first:], enc_bbox_preds[None]])
        matched = self._losses(logits, _matched(logits, boxes, truth, costs, self), tokens)
        noisy_logits = all_layers_cls_scores[:, :, :first, :width]
        noisy = _denoising(all_layers_bbox_preds[:, :, :first], truth, dn_meta, self)
        return _named(matched, self._losses(noisy_logits, noisy, tokens))

    def predict(
        self,
        hidden_states: Tensor,
        references: Sequence[Tensor],
        memory_text: Tensor,
        text_token_mask: Tensor,
        batch_data_samples: Sequence[Any],
        rescale: bool = True,
    ) -> list[Any]:
        """Return the detections of every image on the CPU, best first.

        Args:
            hidden_states: (layers, N, queries, channels).
            references: boxes (N, queries, 4) before each layer and after the last.
            memory_text: (N, tokens, channels).
            text_token_mask: (N, tokens).
            batch_data_samples: with `token_positive_map`.
            rescale: whether boxes are in pixels of the original image.

        Returns:
            `bboxes`, `scores` and `labels` of each image.
        """
        maps = [sample.token_positive_map for sample in batch_data_samples]
        outputs = {
            "hidden_states": hidden_states,
            "references": references,
            "memory_text": memory_text,
            "text_token_mask": text_token_mask,
        }
        if not maps[0] or any(own != maps[0] for own in maps):
            detections: list[Any] = super().predict(
                **outputs, batch_data_samples=batch_data_samples, rescale=rescale
            )
            return detections
        metas = [sample.metainfo for sample in batch_data_samples]
        return predict_batch(self, outputs, class_tokens(maps[0]), metas, rescale)

    def _costs(self) -> MatchCosts | None:
        usual = (
            type(self.loss_cls) is FocalLoss
            and not self.loss_cls.activated
            and type(self.loss_bbox) is L1Loss
            and type(self.loss_iou) is GIoULoss
            and all(
                loss.reduction == "mean" for loss in (self.loss_cls, self.loss_bbox, self.loss_iou)
            )
            and not self.bg_cls_weight
        )
        return MatchCosts.of(self.assigner) if usual else None

    def averages(self, positives: int, device: torch.device) -> tuple[Tensor | float, ...]:
        """Return what classification and box losses are divided by.

        Args:
            positives: queries of this process that learn a box.

        Returns:
            Averages over all processes of distributed training, at least 1.
        """
        if get_world_size() == 1:
            own = float(max(positives, 1))
            return own, own
        count = to_device(torch.tensor([float(positives)]), device)
        everywhere = reduce_mean(count).clamp(min=1)
        return everywhere if self.sync_cls_avg_factor else count.clamp(min=1), everywhere

    def _losses(self, logits: Tensor, targets: Targets, tokens: Tensor) -> list[Tensor]:
        """Return classification, L1 and GIoU loss, each (layers,)."""
        present = tokens[None, :, None]
        terms = focal_terms(
            logits.masked_fill(~present, 0.0),
            targets.tokens,
            self.loss_cls.gamma,
            self.loss_cls.alpha,
        )
        classes = (terms * present).sum((1, 2, 3)) / (targets.classes_average + EPS)
        distance = (targets.boxes - targets.wanted).abs().sum((1, 2))
        overlap = giou(
            corners(targets.boxes) * targets.extents,
            corners(targets.wanted) * targets.extents,
            self.loss_iou.eps,
        )
        missing = (1 - overlap).sum(1)
        average = targets.boxes_average + EPS
        return [
            self.loss_cls.loss_weight * classes,
            self.loss_bbox.loss_weight * distance / average,
            self.loss_iou.loss_weight * missing / average,
        ]


def _truth(instances: Sequence[Any], metas: Sequence[dict[str, Any]], width: int) -> GroundTruth:
    boxes = torch.cat([one.bboxes for one in instances])
    counts = tuple(len(one) for one in instances)
    extents = image_extents(tuple(tuple(meta["img_shape"]) for meta in metas), boxes.device)
    image = to_device(torch.repeat_interleave(torch.tensor(counts)), boxes.device)
    shares = boxes / extents[image]
    low, high = shares[:, :2], shares[:, 2:]
    return GroundTruth(
        counts=counts,
        boxes=torch.cat([(low + high) / 2, high - low], dim=-1),
        extents=extents,
        tokens=torch.cat([one.positive_maps for one in instances])[:, :width],
    )


def _matched(
    logits: Tensor,
    boxes: Tensor,
    truth: GroundTruth,
    costs: MatchCosts,
    head: TeacherGroundingDINOHead,
) -> Targets:
    found = match(logits, boxes, truth, costs)
    layers, _, queries, _ = boxes.shape
    wanted_tokens = torch.zeros_like(logits)
    wanted_tokens[found.layer, found.image, found.query] = truth.tokens[found.box]
    average = head.averages(sum(min(queries, n) for n in truth.counts), boxes.device)
    # Every layer has the same number of matches, one layer after the other.
    return Targets(
        tokens=wanted_tokens,
        boxes=boxes[found.layer, found.image, found.query].view(layers, -1, 4),
        wanted=truth.boxes[found.box].view(layers, -1, 4),
        extents=truth.extents[found.image].view(layers, -1, 4),
        classes_average=average[0],
        boxes_average=average[1],
    )


def _denoising(
    boxes: Tensor, truth: GroundTruth, meta: dict[str, int], head: TeacherGroundingDINOHead
) -> Targets:
    groups = meta["num_denoising_groups"]
    stride = meta["num_denoising_queries"] // groups
    image = torch.repeat_interleave(torch.tensor(truth.counts))
    place = torch.cat([torch.arange(count) for count in truth.counts])
    query = (place + stride * torch.arange(groups)[:, None]).view(-1)
    host = torch.stack([image.repeat(groups), query, torch.arange(len(image)).repeat(groups)])
    images, queries, box = to_device(host, boxes.device).unbind(0)
    shape = (len(truth.counts), boxes.shape[2], truth.tokens.shape[1])
    wanted_tokens = truth.tokens.new_zeros(shape)
    wanted_tokens[images, queries] = truth.tokens[box]
    average = head.averages(groups * sum(truth.counts), boxes.device)
    return Targets(
        tokens=wanted_tokens[None],
        boxes=boxes[:, images, queries],
        wanted=truth.boxes[box][None],
        extents=truth.extents[images][None],
        classes_average=average[0],
        boxes_average=average[1],
    )


def _named(matched: Sequence[Tensor], noisy: Sequence[Tensor]) -> dict[str, Tensor]:
    """Give the losses mmdet's names: the last decoder layer has none, the first stage is `enc`."""
    kinds = ("loss_cls", "loss_bbox", "loss_iou")
    names = dict(zip(kinds, (loss.unbind() for loss in matched), strict=True))
    noisy_names = dict(zip(kinds, (loss.unbind() for loss in noisy), strict=True))
    last = len(noisy_names["loss_cls"]) - 1
    losses = {kind: names[kind][last] for kind in kinds}
    losses |= {f"d{i}.{kind}": names[kind][i] for i in range(last) for kind in kinds}
    losses |= {f"enc_{kind}": names[kind][last + 1] for kind in kinds}
    losses |= {f"dn_{kind}": noisy_names[kind][last] for kind in kinds}
    losses |= {f"d{i}.dn_{kind}": noisy_names[kind][i] for i in range(last) for kind in kinds}
    return losses
