"""Grounding DINO's predictions with less: a prompt is read once, and nothing pads anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mmdet.models.detectors import GroundingDINO
from torch import Tensor

from train_teacher.mmdet_plugin.full_memory import ImageByImage
from train_teacher.mmdet_plugin.validation.shape_order import by_shape


@dataclass(frozen=True)
class AskedClasses:
    """What a list of class names becomes at prediction."""

    text: tuple[str, ...]
    width: int
    """Tokens that the head takes."""
    caption: str
    by_label: Mapping[int, Sequence[int]]
    """Places of each class's tokens, by label from 1."""
    names: Sequence[str]
    """Of the classes, as the caption has them."""


class AcceleratedPrediction(GroundingDINO):
    """MMDetection's Grounding DINO, whose predictions do not depend on their batch."""

    accelerated: bool
    """False leaves every method as MMDetection has it."""
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
        if not self.accelerated or not isinstance(data, Mapping):
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
        """Predict boxes; anything but one list of classes for all goes mmdet's own way.

        Args:
            batch_inputs: (N, 3, height, width), normalised.
            batch_data_samples: with the class names as `text`.
            rescale: whether boxes are in pixels of the original image.

        Returns:
            The samples with `pred_instances`, best first.
        """
        if not self.accelerated or not _ask_the_same(batch_data_samples):
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
