"""Faster Grounding DINO predictions: a prompt is read once, and no image is padded.

mmdet computes logits and boxes of every decoder layer and keeps the last, averages the tokens of
each class in a copy of its own, image by image (atss_vlfusion_head.py:42), and reads every label
from the device twice to name it (grounding_dino.py:583). `predict_batch` reads the boxes of a
whole batch from the device in one go.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from mmdet.models.detectors import GroundingDINO
from mmdet.models.layers import inverse_sigmoid
from mmdet.structures.bbox import bbox_cxcywh_to_xyxy
from mmengine.structures import InstanceData
from torch import Tensor

from train_teacher.mmdet_plugin.accelerated.level_geometry import image_extents, to_device
from train_teacher.mmdet_plugin.full_memory import ImageByImage
from train_teacher.mmdet_plugin.validation.shape_order import by_shape

REMEMBERED_PROMPTS = 64

ClassTokens = tuple[tuple[int, ...], ...]
"""Places of a prompt's tokens, by class."""


@dataclass(frozen=True)
class AskedClasses:
    """Caption and token places of a list of class names, at prediction."""

    text: tuple[str, ...]
    width: int
    """Tokens that the head takes."""
    caption: str
    by_label: Mapping[int, Sequence[int]]
    """Places of each class's tokens, by label from 1."""
    names: Sequence[str]
    """Of the classes, as the caption has them."""


class AcceleratedPrediction(GroundingDINO):
    """MMDetection's Grounding DINO with predictions that do not depend on the batch."""

    accelerated: frozenset[str]
    """Without `predictions` every method is as MMDetection has it."""
    _asked: AskedClasses | None = None
    """The last list of classes: it is the same for every image of a validation."""
    _spared: ImageByImage

    def val_step(self, data: Any) -> list[Any]:
        """Predict a batch; images of different shapes do not pad each other.

        Args:
            data: `inputs` and `data_samples`, as the loader collates them.

        Returns:
            The samples with `pred_instances`, in their order.
        """
        if "predictions" not in self.accelerated or not isinstance(data, Mapping):
            samples: list[Any] = super().val_step(data)
            return samples
        found: dict[int, Any] = {}
        predict = super().val_step
        for places, part in by_shape(data):
            found.update(zip(places, self._spared(predict, part), strict=True))
        return [found[place] for place in range(len(found))]

    def test_step(self, data: Any) -> list[Any]:
        """Predict a batch as `val_step` does."""
        return self.val_step(data)

    def predict(
        self, batch_inputs: Tensor, batch_data_samples: list[Any], rescale: bool = True
    ) -> list[Any]:
        """Predict boxes; anything but one list of classes for all takes mmdet's own path.

        Args:
            batch_inputs: (N, 3, height, width), normalized.
            batch_data_samples: with the class names as `text`.
            rescale: whether boxes are in pixels of the original image.

        Returns:
            The samples with `pred_instances`, best first.
        """
        if "predictions" not in self.accelerated or not _ask_the_same(batch_data_samples):
            found: list[Any] = super().predict(batch_inputs, batch_data_samples, rescale)
            return found
        asked = self._asked_classes(tuple(batch_data_samples[0].text))
        text = self.language_model([asked.caption] * len(batch_data_samples))
        text["embedded"] = self.text_feat_map(text["embedded"])
        for sample in batch_data_samples:
            sample.token_positive_map = asked.by_label
        features = self.extract_feat(batch_inputs)
        outputs = self.forward_transformer(features, text, batch_data_samples)
        detections = self.bbox_head.predict(
            **outputs, rescale=rescale, batch_data_samples=batch_data_samples
        )
        for sample, instances in zip(batch_data_samples, detections, strict=True):
            instances.label_names = [asked.names[label] for label in instances.labels.tolist()]
            sample.pred_instances = instances
        return batch_data_samples

    def _asked_classes(self, text: tuple[str, ...]) -> AskedClasses:
        width = int(self.bbox_head.cls_branches[self.decoder.num_layers].max_text_len)
        if self._asked is None or (self._asked.text, self._asked.width) != (text, width):
            tokenized, caption, spans, names = self.get_tokens_and_prompts(text, True)
            by_label, _ = self.get_positive_map(tokenized, spans)
            self._asked = AskedClasses(text, width, caption, by_label, names)
        return self._asked


def _ask_the_same(samples: Sequence[Any]) -> bool:
    """Return whether all samples ask for the same list of classes, and for nothing special."""
    first = samples[0].text
    return isinstance(first, (list, tuple)) and all(
        sample.text == first
        and sample.get("tokens_positive", None) is None
        and sample.get("caption_prompt", None) is None
        for sample in samples
    )


def class_tokens(positive_map: Mapping[int, Sequence[int]]) -> ClassTokens:
    """Return the places of each class's tokens from mmdet's map by label, counted from 1."""
    return tuple(tuple(positive_map[label]) for label in range(1, len(positive_map) + 1))


def predict_batch(
    head: Any,
    outputs: Mapping[str, Any],
    classes: ClassTokens,
    metas: Sequence[Mapping[str, Any]],
    rescale: bool,
) -> list[InstanceData]:
    """Return the detections of every image, best first, on the CPU.

    Args:
        outputs: `hidden_states` (layers, N, queries, channels), `references` by layer,
            `memory_text` and `text_token_mask`.
        metas: with `img_shape` and `scale_factor`, one per image.
        rescale: whether boxes are in pixels of the original image.

    Returns:
        `bboxes` (D, 4) xyxy, `scores` and `labels` (D,) of each image; D is the same for all.
    """
    last = len(outputs["hidden_states"]) - 1
    hidden = outputs["hidden_states"][last]
    logits = head.cls_branches[last](hidden, outputs["memory_text"], outputs["text_token_mask"])
    reference = inverse_sigmoid(outputs["references"][last])
    boxes = (head.reg_branches[last](hidden) + reference).sigmoid()
    scores = class_scores(logits.sigmoid(), classes)
    most = min(int(head.test_cfg.get("max_per_img", logits.shape[1])), scores[0].numel())
    best, places = scores.flatten(1).topk(most, dim=1)
    queries = (places // len(classes))[..., None].expand(-1, -1, 4)
    found = _in_pixels(boxes.gather(1, queries), metas, rescale)
    labels = (places % len(classes))[..., None]
    packed = torch.cat([found, best[..., None], labels.to(found.dtype)], dim=-1).cpu()
    return [
        InstanceData(bboxes=rows[:, :4], scores=rows[:, 4], labels=rows[:, 5].long())
        for rows in packed
    ]


def class_scores(scores: Tensor, classes: ClassTokens) -> Tensor:
    """Return the mean score of each class's tokens.

    A matrix product would be shorter, and in TF32 on a GPU good to three digits only.

    Args:
        scores: (N, queries, text width).
        classes: tokens of each class; none is without.

    Returns:
        (N, queries, classes).
    """
    places, present, counts = _gathering(classes, scores.device)
    return (scores[..., places] * present).sum(-1) / counts


@lru_cache(maxsize=REMEMBERED_PROMPTS)
def _gathering(classes: ClassTokens, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Return places and whether they count (classes, longest), and the tokens of each class."""
    counts = [len(tokens) for tokens in classes]
    longest = max(counts)
    places = [[*tokens, *[0] * (longest - len(tokens))] for tokens in classes]
    present = [[float(place < count) for place in range(longest)] for count in counts]
    return (
        to_device(torch.tensor(places), device),
        to_device(torch.tensor(present), device),
        to_device(torch.tensor(counts, dtype=torch.float32), device),
    )


def _in_pixels(boxes: Tensor, metas: Sequence[Mapping[str, Any]], rescale: bool) -> Tensor:
    """Turn (N, D, 4) normalized center boxes into corners in pixels."""
    shapes = tuple((int(meta["img_shape"][0]), int(meta["img_shape"][1])) for meta in metas)
    extents = image_extents(shapes, boxes.device)[:, None]
    corners: Tensor = bbox_cxcywh_to_xyxy(boxes) * extents
    corners = torch.minimum(corners.clamp(min=0), extents)
    if not rescale:
        return corners
    factors = torch.tensor([[*meta["scale_factor"]] * 2 for meta in metas], dtype=boxes.dtype)
    return corners / to_device(factors, boxes.device)[:, None]
