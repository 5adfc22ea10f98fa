"""The same image through the teacher and through transformers: how far apart the outputs are."""

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
        """Return the largest of them, and of what it is."""
        return max((value, name) for name, value in vars(self).items())


def compare_outputs(detector: Any, twin: Any, pixels: Tensor, caption: str) -> Difference:
    """Compare a detector with transformers' twin of it.

    Args:
        detector: MMDetection's, in evaluation mode.
        twin: MMGroundingDinoForObjectDetection.
        pixels: (1, 3, height, width), normalised.
        caption: every phrase followed by a full stop.
    """
    import torch
    from mmdet.structures import DetDataSample

    shape = tuple(pixels.shape[2:])
    meta = {"img_shape": shape, "ori_shape": shape, "batch_input_shape": shape}
    sample = DetDataSample(metainfo={**meta, "scale_factor": (1.0, 1.0)})
    first_stage = detector.bbox_head.cls_branches[detector.decoder.num_layers]
    tokens = detector.language_model.tokenizer([caption], return_tensors="pt").to(pixels.device)
    width = int(tokens["input_ids"].shape[1])
    with torch.no_grad():
        text = detector.language_model([caption])
        text["embedded"] = detector.text_feat_map(text["embedded"])
        with _first_output(first_stage) as chosen:
            outputs = detector.forward_transformer(detector.extract_feat(pixels), text, [sample])
        read = ("hidden_states", "references", "memory_text", "text_token_mask")
        logits, boxes = detector.bbox_head(**{name: outputs[name] for name in read})
        with _choosing(twin.model.encoder_output_class_embed, chosen[0]) as proposals:
            theirs = twin(pixel_values=pixels, **tokens)
    scores = logits[-1].sigmoid()[..., :width] - theirs.logits.sigmoid()[..., :width]
    return Difference(
        proposals[0], float(scores.abs().max()), float((boxes[-1] - theirs.pred_boxes).abs().max())
    )


@contextmanager
def _first_output(module: Any) -> Iterator[list[Tensor]]:
    found: list[Tensor] = []
    handle = module.register_forward_hook(lambda _module, _inputs, output: found.append(output))
    try:
        yield found
    finally:
        handle.remove()


@contextmanager
def _choosing(module: Any, logits: Tensor) -> Iterator[list[float]]:
    """Let transformers' model choose the teacher's points as queries, where two nearly tie.

    Two models whose sums are added in another order differ in the seventh digit. Among thousands of
    points some scores are that close: their ranks would swap, and with them the learnt queries.
    """
    differences: list[float] = []

    def choose(_module: Any, _inputs: Any, output: Tensor) -> Tensor | None:
        if differences:
            return None  # the second call asks for the chosen points' scores
        width = min(output.shape[-1], logits.shape[-1])
        own = output[..., :width].sigmoid()
        differences.append(float((own - logits[..., :width].sigmoid()).abs().max()))
        replaced = output.clone()
        replaced[..., :width] = logits[..., :width]
        return replaced

    handle = module.register_forward_hook(choose)
    try:
        yield differences
    finally:
        handle.remove()
