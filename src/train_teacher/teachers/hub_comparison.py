"""Comparison of a teacher's outputs with those of transformers, on the same image."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Difference:
    """Largest differences of an image's outputs."""

    proposals: float
    """Of the scores by which the encoder's points become queries."""
    scores: float
    """Of every token's score, 0 to 1, for every query."""
    boxes: float
    """Of the boxes of all queries, in shares of the image."""

    @property
    def largest(self) -> tuple[float, str]:
        """Return the largest of them, and its name."""
        return max((value, name) for name, value in vars(self).items())


def compare_outputs(detector: Any, twin: Any, pixels: Tensor, caption: str) -> Difference:
    """Compare a detector with transformers' twin of it.

    Args:
        detector: MMDetection's, in evaluation mode.
        twin: MMGroundingDinoForObjectDetection.
        pixels: (1, 3, height, width), normalized.
        caption: every phrase followed by a full stop.
    """
    import torch

    first_stage = detector.bbox_head.cls_branches[detector.decoder.num_layers]
    tokens = detector.language_model.tokenizer([caption], return_tensors="pt").to(pixels.device)
    width = int(tokens["input_ids"].shape[1])
    with _first_output(first_stage) as chosen:
        logits, boxes = read_outputs(detector, pixels, caption, tuple(pixels.shape[2:]))
    points = chosen[0].max(-1)[0]
    with torch.no_grad(), choosing(twin.model.encoder_output_class_embed, points) as proposals:
        theirs = twin(pixel_values=pixels, **tokens)
    scores = logits.sigmoid()[..., :width] - theirs.logits.sigmoid()[..., :width]
    return Difference(
        proposals[0], float(scores.abs().max()), float((boxes - theirs.pred_boxes).abs().max())
    )


def read_outputs(
    detector: Any, pixels: Tensor, caption: str, sides: tuple[int, ...]
) -> tuple[Tensor, Tensor]:
    """Return a detector's logits (1, queries, tokens) and boxes (1, queries, 4) of its last layer.

    Args:
        detector: MMDetection's, in evaluation mode.
        pixels: (1, 3, height, width), normalized.
        caption: every phrase followed by a full stop.
        sides: height and width of the image, which may be smaller than its pixels.
    """
    import torch
    from mmdet.structures import DetDataSample

    meta = {"img_shape": sides, "ori_shape": sides, "batch_input_shape": tuple(pixels.shape[2:])}
    sample = DetDataSample(metainfo={**meta, "scale_factor": (1.0, 1.0)})
    with torch.no_grad():
        text = detector.language_model([caption])
        text["embedded"] = detector.text_feat_map(text["embedded"])
        outputs = detector.forward_transformer(detector.extract_feat(pixels), text, [sample])
        read = ("hidden_states", "references", "memory_text", "text_token_mask")
        logits, boxes = detector.bbox_head(**{name: outputs[name] for name in read})
    return logits[-1], boxes[-1]


@contextmanager
def _first_output(module: Any) -> Iterator[list[Tensor]]:
    found: list[Tensor] = []
    handle = module.register_forward_hook(lambda _module, _inputs, output: found.append(output))
    try:
        yield found
    finally:
        handle.remove()


@contextmanager
def choosing(module: Any, points: Tensor, order: Tensor | None = None) -> Iterator[list[float]]:
    """Make a model choose another's points as queries, where two nearly tie.

    Two models whose sums are added in another order differ in the seventh digit. Among thousands of
    points some scores are that close: their ranks would swap, and with them the learned queries.

    Args:
        module: its classifier of the encoder's points.
        points: (1, points), the other's best logit of each.
        order: (1, points), chosen by instead, where the other ranks equal logits in another way.
    """
    differences: list[float] = []

    def choose(_module: Any, _inputs: Any, output: Tensor) -> Tensor | None:
        if differences:
            return None  # the second call asks for the chosen points' scores
        own = output.max(-1)[0].sigmoid()
        differences.append(float((own - points.sigmoid()).abs().max()))
        replaced = output.new_full(output.shape, -float("inf"))
        replaced[..., 0] = points if order is None else order
        return replaced

    handle = module.register_forward_hook(choose)
    try:
        yield differences
    finally:
        handle.remove()
