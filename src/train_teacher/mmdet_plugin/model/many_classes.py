"""Grounding DINO for any number of classes: several prompts per image, one list of boxes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from mmdet.models.detectors import GroundingDINO
from mmdet.models.detectors.grounding_dino import clean_label_name
from mmengine.structures import InstanceData
from torch import Tensor

from train_teacher.core.errors import UserError
from train_teacher.mmdet_plugin.samples.random_prompts import count_class_tokens
from train_teacher.prompts.caption import pack_classes

ChunkedPrompts = tuple[list[dict[int, list[int]]], list[str], list[Tensor], list[list[str]]]


class ChunkedGroundingDINO(GroundingDINO):
    """MMDetection's Grounding DINO with a repaired `test_cfg.chunked_size`.

    Upstream cuts the classes into equal numbers, whatever their tokens (grounding_dino.py:266),
    tokenizes every class again for every image, copies all features for every prompt, takes one
    image at a time, and returns the best boxes of each prompt one after the other: as many times
    `max_per_img` boxes as there are prompts, in no order (grounding_dino.py:536). Here a prompt
    ends where its tokens end, and the best `max_per_img` boxes of all prompts are returned, best
    first, as without chunks.
    """

    _chunks: tuple[tuple[Any, ...], ChunkedPrompts] | None = None
    """The prompts of the last list of classes: it is the same for every image of a validation."""

    @property
    def prompt_limit(self) -> int:
        """Tokens that both the language model and the head take."""
        head = self.bbox_head.cls_branches[self.decoder.num_layers]
        return min(int(self.language_model.max_tokens), int(head.max_text_len))

    @property
    def chunked_size(self) -> int:
        """Classes of a prompt at most; 0 when all are put into one."""
        return max(0, int((self.test_cfg or {}).get("chunked_size", -1)))

    def check_prompts(self, class_names: Sequence[str], *, one_prompt: bool) -> None:
        """Refuse class names that a prompt would truncate or have no token for.

        Args:
            one_prompt: whether they have to fit into one prompt.

        Raises:
            UserError: a class would have no token: never learned, scored NaN.
        """
        names = [clean_label_name(name) for name in class_names]
        tokens = count_class_tokens(self.language_model.tokenizer, names)
        parts = pack_classes(class_names, tokens, self.prompt_limit)
        if one_prompt and len(parts) > 1:
            first = class_names[parts[1].start]
            raise UserError(
                f"the {len(names)} classes do not fit into one prompt of {self.prompt_limit} "
                f"tokens: {len(names) - parts[1].start} of them, from {first!r} on, would have no "
                "token, never be learned and score NaN. Leave model.test_cfg.chunked_size and the "
                "training data as train-teacher generated them."
            )

    def get_positive_map(
        self, tokenized: Any, tokens_positive: Sequence[Any]
    ) -> tuple[dict[int, list[int]], Tensor]:
        """Return the tokens of each phrase, as upstream does, but never of none.

        Args:
            tokens_positive: first and last character of each phrase.

        Returns:
            Tokens by label from 1, and the same as a (phrases, max_text_len) map.

        Raises:
            UserError: a phrase has no token; its score would be the mean of nothing.
        """
        found: tuple[dict[int, list[int]], Tensor] = super().get_positive_map(
            tokenized, tokens_positive
        )
        empty = [label - 1 for label, tokens in found[0].items() if not tokens]
        if empty:
            raise UserError(
                f"a prompt has no token for {len(empty)} of its phrases, such as that of "
                f"characters {tokens_positive[empty[0]]}: nothing could be learned or found there. "
                "It is empty or beyond the limit of the language model."
            )
        return found

    def get_tokens_positive_and_prompts_chunked(
        self, original_caption: str | Sequence[str], enhanced_text_prompts: Any = None
    ) -> ChunkedPrompts:
        """Return the prompts of a list of classes, each within the limits.

        Args:
            original_caption: class names, or one text with a full stop after each.
            enhanced_text_prompts: mmdet's `caption_prompt`.

        Returns:
            Per prompt: tokens by label from 1, text, positive map, class names.

        Raises:
            UserError: a class alone does not fit, or has no token.
        """
        names = tuple(clean_label_name(name) for name in class_list(original_caption))
        key = (names, self.chunked_size, self.prompt_limit)
        if enhanced_text_prompts is None and self._chunks and self._chunks[0] == key:
            return self._chunks[1]
        prompts = self._make_chunks(names, enhanced_text_prompts)
        if enhanced_text_prompts is None:
            self._chunks = (key, prompts)
        return prompts

    def _make_chunks(self, names: Sequence[str], enhanced: Any) -> ChunkedPrompts:
        tokenizer = self.language_model.tokenizer
        phrases = [self._write([name], enhanced)[0] for name in names]
        # A phrase ends with its separator, which pack_classes counts by itself.
        tokens = [count - 1 for count in count_class_tokens(tokenizer, phrases)]
        most = self.chunked_size or None
        label_tokens, captions, maps, entities = [], [], [], []
        for part in pack_classes(names, tokens, self.prompt_limit, most):
            own = [names[position] for position in part]
            caption, characters = self._write(own, enhanced)
            tokenized = tokenizer([caption], return_tensors="pt")
            by_label, positive_map = self.get_positive_map(tokenized, characters)
            label_tokens.append(by_label)
            captions.append(caption)
            maps.append(positive_map)
            entities.append(own)
        return label_tokens, captions, maps, entities

    def _write(self, names: Sequence[str], enhanced: Any) -> tuple[str, list[Any]]:
        written: tuple[str, list[Any]] = (
            self.to_plain_text_prompts(names)
            if enhanced is None
            else self.to_enhance_text_prompts(names, enhanced)
        )
        return written

    def predict(
        self, batch_inputs: Tensor, batch_data_samples: list[Any], rescale: bool = True
    ) -> list[Any]:
        """Predict boxes, with several prompts per image where `chunked_size` says so.

        Args:
            batch_inputs: (N, 3, H, W), normalized.
            batch_data_samples: one per image, with the class names as `text`.
            rescale: whether boxes are in pixels of the original image.

        Returns:
            The samples with `pred_instances`: at most `max_per_img` boxes, best first.
        """
        if not self._is_chunked(batch_data_samples):
            samples: list[Any] = super().predict(batch_inputs, batch_data_samples, rescale)
            return samples
        first = batch_data_samples[0]
        if any(not _same_text(first, sample) for sample in batch_data_samples):
            return [
                self.predict(batch_inputs[i : i + 1], [sample], rescale)[0]
                for i, sample in enumerate(batch_data_samples)
            ]
        label_tokens, captions, _, entities = self.get_tokens_positive_and_prompts_chunked(
            first.text, first.get("caption_prompt", None)
        )
        found = self._detect(batch_inputs, batch_data_samples, label_tokens, captions, rescale)
        names = [name for part in entities for name in part]
        most = int(self.bbox_head.test_cfg.get("max_per_img", self.num_queries))
        for sample, parts in zip(batch_data_samples, found, strict=True):
            sample.pred_instances = _best(parts, most)
            sample.pred_instances.label_names = [
                names[label] for label in sample.pred_instances.labels.tolist()
            ]
        return batch_data_samples

    def _is_chunked(self, samples: Sequence[Any]) -> bool:
        lists = all(
            (isinstance(s.text, (list, tuple)) or s.get("custom_entities", False))
            and s.get("tokens_positive", None) is None
            for s in samples
        )
        return self.chunked_size > 0 and lists

    def _detect(
        self,
        batch_inputs: Tensor,
        samples: list[Any],
        label_tokens: Sequence[dict[int, list[int]]],
        captions: Sequence[str],
        rescale: bool,
    ) -> list[list[InstanceData]]:
        """Return the detections of each image and prompt; labels count over all prompts."""
        features = self.extract_feat(batch_inputs)
        found: list[list[InstanceData]] = [[] for _ in samples]
        offset = 0
        for tokens, caption in zip(label_tokens, captions, strict=True):
            text = self.language_model([caption] * len(samples))
            if self.text_feat_map is not None:
                text["embedded"] = self.text_feat_map(text["embedded"])
            for sample in samples:
                sample.token_positive_map = tokens
            outputs = self.forward_transformer(features, text, samples)
            results = self.bbox_head.predict(**outputs, rescale=rescale, batch_data_samples=samples)
            for parts, instances in zip(found, results, strict=True):
                instances.labels = instances.labels + offset
                parts.append(instances)
            offset += len(tokens)
        return found


def class_list(caption: str | Sequence[str]) -> list[str]:
    """Return the classes of a text with a full stop and a space after each, or of a list.

    mmdet takes a text apart in this way for one prompt, and letter by letter for several
    (grounding_dino.py:124, :259).
    """
    if not isinstance(caption, str):
        return list(caption)
    return [name for name in caption.strip(". ").split(". ") if name]


def _same_text(first: Any, other: Any) -> bool:
    prompts = [sample.get("caption_prompt", None) for sample in (first, other)]
    return bool(first.text == other.text and prompts[0] == prompts[1])


def _best(parts: Sequence[InstanceData], most: int) -> InstanceData:
    everything: InstanceData = InstanceData.cat(list(parts))
    order = torch.argsort(everything.scores, descending=True, stable=True)[:most]
    best: InstanceData = everything[order]
    return best
