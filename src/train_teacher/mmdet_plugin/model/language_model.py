"""BERT built from a local folder: never online, with weights only where needed."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from mmdet.models.language_models.bert import (
    BertEncoder,
    BertModel,
    generate_masks_with_special_tokens_and_transfer_map,
)
from mmdet.registry import MODELS
from mmengine.model import BaseModel
from torch import Tensor, nn
from transformers import AutoTokenizer, BertConfig
from transformers import BertModel as HuggingFaceBert

from train_teacher.core.errors import UserError
from train_teacher.mmdet_plugin.model.text_cache import CaptionFeatures, Phrase, TextCache

WEIGHT_FILES = ("model.safetensors", "pytorch_model.bin")


class ConfiguredBertEncoder(BertEncoder):
    """mmdet's BertEncoder on a BERT that was already built."""

    def __init__(self, model: HuggingFaceBert, num_layers_of_embedded: int) -> None:
        """Take the given model; mmdet's own constructor would download one."""
        nn.Module.__init__(self)
        self.model = model
        self.language_dim = model.config.hidden_size
        self.num_layers_of_embedded = num_layers_of_embedded


@MODELS.register_module()
class ConfiguredBertModel(BertModel):
    """mmdet's BertModel with the same parameters' names, built from a folder's config.json.

    The published Grounding DINO checkpoints contain BERT's weights, so its own are read only when
    there is no such checkpoint.

    Args:
        name: folder with config.json and the vocabulary.
        max_tokens: captions are cut there.
        pad_to_max: pad every caption to `max_tokens`.
        use_sub_sentence_represent: keep the phrases of a caption apart (Grounding DINO, 3.3).
        special_tokens_list: tokens that end a phrase.
        add_pooling_layer: as in BERT; Grounding DINO has none.
        num_layers_of_embedded: last layers that are averaged.
        use_checkpoint: gradient checkpointing.
        own_weights: whether to read the folder's own weights: `never`, `if_present` or `required`.
        cache_text: remember what a frozen model said about a phrase.
    """

    def __init__(
        self,
        name: str,
        max_tokens: int = 256,
        pad_to_max: bool = True,
        use_sub_sentence_represent: bool = False,
        special_tokens_list: Sequence[str] | None = None,
        add_pooling_layer: bool = False,
        num_layers_of_embedded: int = 1,
        use_checkpoint: bool = False,
        own_weights: Literal["never", "if_present", "required"] = "never",
        cache_text: bool = True,
    ) -> None:
        """Build tokenizer and encoder from local files.

        Raises:
            UserError: weights are required and the folder has none.
        """
        BaseModel.__init__(self)
        self.max_tokens = max_tokens
        self.pad_to_max = pad_to_max
        self.tokenizer = AutoTokenizer.from_pretrained(
            name, local_files_only=True, trust_remote_code=False
        )
        bert = _build_bert(Path(name), add_pooling_layer, own_weights)
        if use_checkpoint:
            bert.gradient_checkpointing_enable()
        encoder = ConfiguredBertEncoder(bert, num_layers_of_embedded)
        self.language_backbone = nn.Sequential(OrderedDict([("body", encoder)]))
        self.use_sub_sentence_represent = use_sub_sentence_represent
        if use_sub_sentence_represent:
            self.special_tokens = self.tokenizer.convert_tokens_to_ids(
                list(special_tokens_list or ("[CLS]", "[SEP]", ".", "?"))
            )
        self.text_cache = TextCache() if cache_text and use_sub_sentence_represent else None

    def forward(self, captions: Sequence[str], **kwargs: Any) -> dict[str, Tensor]:
        """Return the text features of captions, from the cache where that is exact.

        Args:
            captions: one per image.

        Returns:
            `embedded` (N, tokens, width), `masks` (N, tokens, tokens), `position_ids` and
            `text_token_mask` (N, tokens); without the cache also `hidden`, which Grounding DINO
            does not read.
        """
        if not self.use_sub_sentence_represent:
            features: dict[str, Tensor] = super().forward(captions, **kwargs)
            return features
        device = next(self.language_backbone.parameters()).device
        tokenized = self.tokenizer(
            list(captions),
            max_length=self.max_tokens,
            padding="max_length" if self.pad_to_max else "longest",
            truncation=True,
        )
        if self.text_cache is None or not self._is_frozen():
            return self._encode(tokenized.convert_to_tensors("pt"), device)
        self.text_cache.forget_other_weights(self.language_backbone, device)
        found = self.text_cache.captions(
            [tuple(ids) for ids in tokenized["input_ids"]],
            frozenset(self.special_tokens),
            device,
            self._encode_phrases,
        )
        return _as_batch(found, tokenized["attention_mask"])

    def _encode(self, tokenized: Any, device: torch.device) -> dict[str, Tensor]:
        """Do what mmdet's forward does, with masks made before anything is on the device.

        They are made token by token (bert.py:60), and each asks the device: 273 times a step.
        """
        masks, positions = generate_masks_with_special_tokens_and_transfer_map(
            tokenized, self.special_tokens
        )
        position_ids = positions.to(device)
        features: dict[str, Tensor] = self.language_backbone(
            {
                "input_ids": tokenized["input_ids"].to(device),
                "attention_mask": masks.to(device),
                "position_ids": position_ids,
                "token_type_ids": tokenized["token_type_ids"].to(device),
            }
        )
        token_mask = tokenized["attention_mask"].bool().to(device)
        return {**features, "position_ids": position_ids, "text_token_mask": token_mask}

    def _is_frozen(self) -> bool:
        # Dropout in training mode, or a gradient that is wanted (LoRA too), forbids the cache.
        body = self.language_backbone
        return not body.training and not any(p.requires_grad for p in body.parameters())

    def _encode_phrases(self, phrases: Sequence[Phrase]) -> Tensor:
        device = next(self.language_backbone.parameters()).device
        longest = max(len(phrase) for phrase in phrases)
        padding = self.tokenizer.pad_token_id
        ids = torch.tensor([[*p, *[padding] * (longest - len(p))] for p in phrases])
        inside = torch.arange(longest) < torch.tensor([len(p) for p in phrases])[:, None]
        # A padding token attends to itself alone, so that no row of the mask is empty.
        mask = (inside[:, :, None] & inside[:, None, :]) | torch.eye(longest, dtype=torch.bool)
        # The features are kept for the whole run: full precision, whatever the step runs in.
        with torch.no_grad(), torch.autocast(device.type, enabled=False):
            features: Tensor = self.language_backbone(
                {
                    "input_ids": ids.to(device),
                    "attention_mask": mask.to(device),
                    "position_ids": (torch.arange(longest) * inside).to(device),
                    "token_type_ids": torch.zeros_like(ids).to(device),
                }
            )["embedded"]
        return features


def _as_batch(
    found: Sequence[CaptionFeatures], attention_mask: Sequence[Sequence[int]]
) -> dict[str, Tensor]:
    first = found[0]
    if all(features is first for features in found):
        count = len(found)
        embedded = first.embedded.expand(count, -1, -1)
        masks = first.masks.expand(count, -1, -1)
        position_ids = first.position_ids.expand(count, -1)
    else:
        embedded = torch.stack([features.embedded for features in found])
        masks = torch.stack([features.masks for features in found])
        position_ids = torch.stack([features.position_ids for features in found])
    if all(all(row) for row in attention_mask):
        token_mask = torch.ones_like(position_ids, dtype=torch.bool)
    else:
        token_mask = torch.tensor(attention_mask, dtype=torch.bool).to(position_ids.device)
    return {
        "embedded": embedded,
        "masks": masks,
        "position_ids": position_ids,
        "text_token_mask": token_mask,
    }


def _build_bert(folder: Path, add_pooling_layer: bool, own_weights: str) -> HuggingFaceBert:
    config = BertConfig.from_pretrained(folder, local_files_only=True)
    present = any((folder / name).is_file() for name in WEIGHT_FILES)
    if own_weights == "never" or (own_weights == "if_present" and not present):
        return HuggingFaceBert(config, add_pooling_layer=add_pooling_layer)
    if not present:
        raise UserError(
            f"--language-model {folder}: has no weights ({' or '.join(WEIGHT_FILES)}), and with "
            "--weights none there is no other source: the text would be read by random weights. "
            "Add the file, give --weights, or train it with --tune full."
        )
    return HuggingFaceBert.from_pretrained(
        folder, config=config, add_pooling_layer=add_pooling_layer, local_files_only=True
    )
