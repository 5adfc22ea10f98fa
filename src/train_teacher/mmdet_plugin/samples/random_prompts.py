"""Random training prompts for each image: its classes, and phrases for absent objects."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmcv.transforms import BaseTransform
from mmdet.registry import TRANSFORMS
from transformers import AutoTokenizer

from train_teacher.prompts.caption import (
    FRAME_TOKENS,
    SEPARATOR_TOKENS,
    TOKEN_LIMIT,
    clean_label_name,
    pack_classes,
)


@TRANSFORMS.register_module()
class RandomPrompt(BaseTransform):
    """Samples the classes of an image's prompt and numbers its labels by their place in it.

    The idea and the shares are those of mmdet's RandomSamplingNegPos (text_transformers.py:99),
    which cannot be used here: it compares labels with the text keys of the label map, so that a
    class of the image can also be drawn as a negative and is then named twice; it forgets [CLS]
    and [SEP] when it counts tokens; it drops boxes but not their ignore flags; and it replaces
    "a/b" in the shared label map by one of both for the rest of the run.

    The prompt is handed on as a tuple of names, so that the detector writes it exactly as it does
    for validation. Everything is drawn from numpy's global generator, as in mmcv's transforms.

    Args:
        language_model: folder of the tokenizer.
        label_map_file: JSON object, class name by label.
        class_names: the same in its place, by label.
        max_tokens: of a prompt, with [CLS], [SEP] and separators.
        most_negatives: classes that are not in the image, at most.
        full_share: share of the images that get as many negatives as fit; the others get a random
            number of them (0.5 as in RandomSamplingNegPos).
        words: further phrases to draw negatives from; no image shows them.
        every_class: whether each prompt asks for all classes, and only words are drawn.
    """

    def __init__(
        self,
        language_model: str,
        label_map_file: str = "",
        class_names: Sequence[str] = (),
        max_tokens: int = TOKEN_LIMIT,
        most_negatives: int = 85,
        full_share: float = 0.5,
        words: Sequence[str] = (),
        every_class: bool = False,
    ) -> None:
        """Read the classes and count their tokens.

        Raises:
            UserError: a class has no token, or more than a prompt may have.
        """
        if label_map_file:
            labels = json.loads(Path(label_map_file).read_text(encoding="utf-8"))
            class_names = [labels[str(label)] for label in range(len(labels))]
        self.names = (*class_names, *words)
        self.classes = np.arange(len(class_names)) if every_class else None
        tokenizer = AutoTokenizer.from_pretrained(
            language_model, local_files_only=True, trust_remote_code=False
        )
        tokens = count_class_tokens(tokenizer, self.names)
        pack_classes(self.names, tokens, max_tokens)
        self.costs = np.array(tokens, np.int64) + SEPARATOR_TOKENS
        self.room = max_tokens - FRAME_TOKENS
        self.most_negatives = most_negatives
        self.full_share = full_share

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Choose the prompt of an image.

        Args:
            results: with `gt_bboxes_labels` (N,), and `gt_bboxes` and `gt_ignore_flags` of the
                same length.

        Returns:
            `results` with `text`, the names in the prompt, and labels that are positions in it.
            Boxes whose class had no room are left out: the prompt does not ask for them.
        """
        labels = np.asarray(results["gt_bboxes_labels"], np.int64)
        asked = np.unique(labels) if self.classes is None else self.classes
        positives = self._within(np.random.permutation(asked), self.room)
        negatives = self._draw_negatives(asked, self.room - self.costs[positives].sum())
        chosen = np.random.permutation(np.concatenate([positives, negatives]))
        place = np.full(len(self.names), -1, np.int64)
        place[chosen] = np.arange(len(chosen))
        kept = place[labels] >= 0
        for key in ("gt_bboxes", "gt_ignore_flags"):
            if key in results:
                results[key] = results[key][kept]
        results["gt_bboxes_labels"] = place[labels[kept]]
        results["text"] = tuple(self.names[label] for label in chosen.tolist())
        results["custom_entities"] = True
        return results

    def _draw_negatives(self, present: np.ndarray, room: int) -> np.ndarray:
        absent = np.setdiff1d(np.arange(len(self.names)), present)
        most = min(self.most_negatives, len(absent))
        if most and np.random.random() >= self.full_share:
            most = np.random.randint(1, most + 1)
        return self._within(np.random.permutation(absent)[:most], room)

    def _within(self, labels: np.ndarray, room: int) -> np.ndarray:
        """Return the first labels whose phrases fit together."""
        return labels[np.cumsum(self.costs[labels]) <= room]


def count_class_tokens(tokenizer: Any, names: Sequence[str]) -> list[int]:
    """Return the tokens of each class name as the prompt has it, without its separator."""
    phrases = [clean_label_name(name) for name in names]
    if not phrases:
        return []
    encoded = tokenizer(phrases, add_special_tokens=False)
    return [len(ids) for ids in encoded["input_ids"]]
