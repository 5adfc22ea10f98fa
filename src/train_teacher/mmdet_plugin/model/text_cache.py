"""Text features of a frozen language model, computed once per phrase.

Grounding DINO's text encoder sees a caption as phrases: `[CLS]`, each run of tokens up to and
including a `.` or `?`, and `[SEP]`. Its attention mask keeps the phrases apart and its positions
start again at each (mmdet bert.py:17-75), so that what BERT computes for a phrase depends on the
phrase's own token ids and on nothing else. A cache by phrase is therefore exact for any caption,
also when every image of a batch has its own (negative sampling); only the rounding of a matrix
product in another shape remains.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from train_teacher.mmdet_plugin.upstream_internals import times_written

MAX_PHRASES = 4096
MAX_CAPTIONS = 64
"""Captions of 256 tokens take 0.8 MB each (768 numbers of 4 bytes a token)."""

Phrase = tuple[int, ...]
EncodePhrases = Callable[[Sequence[Phrase]], Tensor]


@dataclass(frozen=True)
class CaptionFeatures:
    """Output of the language model for one caption; no batch dimension."""

    embedded: Tensor
    """(tokens, width)."""
    masks: Tensor
    """(tokens, tokens), True where a token attends to another."""
    position_ids: Tensor
    """(tokens,)."""


def phrase_spans(ids: Sequence[int], special_ids: frozenset[int]) -> list[tuple[int, int]]:
    """Return the runs of tokens that attend to each other, as mmdet's bert.py:56-73 draws them.

    A run ends with a special token. The first and the last token of the row stand alone, and so
    does every token behind the last special one (padding, or what a cut left without its end).

    Args:
        ids: token ids of one row.
        special_ids: ids of `[CLS]`, `[SEP]`, `.` and `?`.

    Returns:
        Half-open spans that cover the row in order.
    """
    spans: list[tuple[int, int]] = []
    start = 0
    last = len(ids) - 1
    for column, token in enumerate(ids):
        if token not in special_ids:
            continue
        if column in (0, last):
            spans += [(c, c + 1) for c in range(start, column + 1)]
        else:
            spans.append((start, column + 1))
        start = column + 1
    spans += [(c, c + 1) for c in range(start, len(ids))]
    return spans


def span_masks(spans: Sequence[tuple[int, int]]) -> tuple[Tensor, Tensor]:
    """Return mask (tokens, tokens) and position ids (tokens,) of half-open spans, on CPU."""
    lengths = torch.tensor([stop - start for start, stop in spans])
    owner = torch.repeat_interleave(torch.arange(len(spans)), lengths)
    starts = torch.repeat_interleave(torch.cumsum(lengths, 0) - lengths, lengths)
    positions = torch.arange(len(owner)) - starts
    return owner[:, None] == owner[None, :], positions


class TextCache:
    """Caches phrases and whole captions; forgets both when the weights change."""

    def __init__(self) -> None:
        """Start empty."""
        self._phrases: OrderedDict[Phrase, Tensor] = OrderedDict()
        self._captions: OrderedDict[Phrase, CaptionFeatures] = OrderedDict()
        self._weights: Hashable = None

    def __deepcopy__(self, memo: object) -> TextCache:
        """Return an empty cache: a copied model has weights of its own."""
        return TextCache()

    def captions(
        self,
        rows: Sequence[Phrase],
        special_ids: frozenset[int],
        device: torch.device,
        encode: EncodePhrases,
    ) -> list[CaptionFeatures]:
        """Return the features of every row, encoding only the phrases that are new.

        Args:
            rows: token ids of each caption, padded or not.
            special_ids: ids that end a phrase.
            encode: runs the language model on phrases; returns (phrases, longest, width).
        """
        new = [row for row in dict.fromkeys(rows) if row not in self._captions]
        spans = {row: phrase_spans(row, special_ids) for row in new}
        self._encode_missing([row[start:stop] for row in new for start, stop in spans[row]], encode)
        found = {row: self._captions[row] for row in rows if row in self._captions}
        for row in new:
            masks, positions = span_masks(spans[row])
            parts = [self._phrases[row[start:stop]] for start, stop in spans[row]]
            found[row] = CaptionFeatures(torch.cat(parts), masks.to(device), positions.to(device))
        self._captions.update(found)
        _trim(self._captions, MAX_CAPTIONS)
        _trim(self._phrases, MAX_PHRASES)
        return [found[row] for row in rows]

    def forget_other_weights(self, module: nn.Module, device: torch.device) -> None:
        """Empty the cache when weights or device are others than at the last call."""
        # In-place writes (an optimizer, load_state_dict) count a parameter's version up.
        weights = (device, *((id(p), times_written(p)) for p in module.parameters()))
        if weights != self._weights:
            self._phrases.clear()
            self._captions.clear()
            self._weights = weights

    def _encode_missing(self, phrases: Sequence[Phrase], encode: EncodePhrases) -> None:
        missing = [phrase for phrase in dict.fromkeys(phrases) if phrase not in self._phrases]
        if missing:
            for phrase, features in zip(missing, encode(missing), strict=True):
                self._phrases[phrase] = features[: len(phrase)].clone()


def _trim(entries: OrderedDict[Phrase, Any], size: int) -> None:
    while len(entries) > size:
        entries.popitem(last=False)
