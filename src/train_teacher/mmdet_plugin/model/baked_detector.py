"""A detector for a fixed list of classes, as one ONNX graph of an image and a mask."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from transformers.models.mm_grounding_dino import modeling_mm_grounding_dino as modeling

from train_teacher.hub.tensors import transformers_tensors
from train_teacher.mmdet_plugin.model.canvas import Canvas

OPSET = 17
"""The first with LayerNormalization; GridSample came with 16."""
INPUTS, OUTPUTS = ["image", "mask"], ["boxes", "scores"]
BORDER = 1e-3
"""Distance of box coordinates from 0 and 1 in MMDetection's decoder; 1e-5 in transformers'."""


class _BorderOfMmdet(TorchFunctionMode):
    """MMDetection's `BORDER`; otherwise boxes at the edge differ by up to 0.001."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.special.logit:
            return func(args[0], eps=BORDER)
        return func(*args, **(kwargs or {}))


class _Decoder(nn.Module):
    def __init__(self, decoder: nn.Module) -> None:
        super().__init__()
        self.decoder = decoder

    def forward(self, **inputs: Any) -> Any:
        # Places in the canvas, where values are sampled, are no places in the image.
        canvas = inputs["valid_ratios"][:, :1].repeat(1, 1, 2)
        embed = modeling.get_sine_pos_embed
        of_image = {"get_sine_pos_embed": lambda at, **options: embed(at / canvas, **options)}
        with _BorderOfMmdet(), _exchanged(**of_image):
            return self.decoder(**inputs)


class _Text(nn.Module):
    """The language model's output for the one prompt, in place of the language model."""

    def __init__(self, features: Tensor) -> None:
        super().__init__()
        self.register_buffer("features", features)

    def forward(self, *_inputs: Any, **_options: Any) -> Any:
        return SimpleNamespace(last_hidden_state=self.features)


class BakedDetector(nn.Module):
    """Image and mask in, boxes and one score for each class out."""

    ids: Tensor
    classes: Tensor
    mean: Tensor
    std: Tensor

    def __init__(
        self,
        detector: Any,
        config: Mapping[str, Any],
        caption: str,
        tokens: Sequence[Sequence[int]],
    ) -> None:
        """Build transformers' twin of a detector, with a caption's text instead of BERT.

        Args:
            detector: MMDetection's, in evaluation mode, on the CPU.
            config: of the twin.
            caption: the one prompt.
            tokens: places of the tokens of each class in it.
        """
        from transformers import MMGroundingDinoConfig, MMGroundingDinoForObjectDetection

        super().__init__()
        options = MMGroundingDinoConfig(**deepcopy(dict(config)), disable_custom_kernels=True)
        self.twin = MMGroundingDinoForObjectDetection(options)
        weights = transformers_tensors(detector.state_dict())[0]
        self.twin.load_state_dict(weights, strict=False)
        with torch.no_grad():
            text = detector.language_model([caption])
        self.masks = text["masks"], text["position_ids"]
        self.twin.model.text_backbone = _Text(text["embedded"])
        self.canvas = Canvas(self.twin)
        self.twin.model.decoder = _Decoder(self.twin.model.decoder)
        self.register_buffer("ids", torch.zeros_like(text["position_ids"]))
        self.register_buffer("classes", class_means(tokens, self.ids.shape[1]))
        self.register_buffer("mean", detector.data_preprocessor.mean)
        self.register_buffer("std", detector.data_preprocessor.std)
        self.eval()

    def forward(self, image: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return boxes (queries, 4) xyxy in shares of the image, and scores (queries, classes).

        Args:
            image: (1, 3, height, width) RGB, 0 to 255, in the upper left of the canvas.
            mask: (1, height, width), 1 where the image is and 0 beside it.
        """
        pixels = (image - self.mean) / self.std * mask[:, None]
        self.canvas.place(mask)
        # Constants, which transformers derives from the prompt's tokens.
        known = {"generate_masks_with_special_tokens_and_transfer_map": lambda _ids: self.masks}
        with _exchanged(**known):
            found = self.twin(pixel_values=pixels, input_ids=self.ids, pixel_mask=mask.long())
        tokens = found.logits[0, :, : self.classes.shape[0]].sigmoid()
        return corners(found.pred_boxes[0]), tokens @ self.classes


def class_means(tokens: Sequence[Sequence[int]], width: int) -> Tensor:
    """Return (width, classes): the share of each token in the score of a class."""
    means = torch.zeros(width, len(tokens))
    for label, own in enumerate(tokens):
        means[own, label] = 1 / len(own)
    return means


def corners(boxes: Tensor) -> Tensor:
    """Return (N, 4) boxes of center and size as xyxy, within 0 to 1."""
    centre, size = boxes[:, :2], boxes[:, 2:]
    return torch.cat([centre - size / 2, centre + size / 2], 1).clamp(0, 1)


def write_graph(path: Path, baked: BakedDetector, canvas: tuple[int, int]) -> None:
    """Write an ONNX file for images of one size."""
    example = torch.zeros(1, 3, *canvas), torch.ones(1, *canvas)
    with warnings.catch_warnings():
        # Of everything that depends on the size, which is fixed, and of the newer exporter, which
        # cannot follow the model (GuardOnDataDependentSymNode).
        warnings.simplefilter("ignore")
        torch.onnx.export(
            baked,
            example,
            str(path),
            dynamo=False,
            opset_version=OPSET,
            input_names=INPUTS,
            output_names=OUTPUTS,
        )


@contextmanager
def _exchanged(**functions: Any) -> Iterator[None]:
    """Let transformers' model call other functions."""
    own = {name: getattr(modeling, name) for name in functions}
    vars(modeling).update(functions)
    try:
        yield
    finally:
        vars(modeling).update(own)
