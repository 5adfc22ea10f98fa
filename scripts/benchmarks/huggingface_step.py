"""A training step of Hugging Face's MM Grounding DINO, for train_step.py.

The same size as Swin-T with BERT-base, built from transformers' default config with random weights;
every parameter is trained (`hf-full`), or PEFT adapters of rank 16 on the linear layers of encoder
and decoder and the box branches in full (`hf-lora`). Its loss is transformers' own: without
denoising queries, which are a good part of MMDetection's decoder.
"""

from __future__ import annotations

import re
from contextlib import nullcontext
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    import argparse

MODES = ("hf-full", "hf-lora")
# In bert-base-uncased's vocabulary, which transformers' model has built in.
START, STOP, FULL_STOP, FIRST_WORD = 101, 102, 1012, 2000
ADAPTED = re.compile(r"model\.(encoder|decoder)\.layers\.")
IN_FULL = "bbox_embed"
MAX_NORM = 0.1


def build_model(mode: str) -> nn.Module:
    """Return the model of a mode, on CPU."""
    from transformers import MMGroundingDinoConfig, MMGroundingDinoForObjectDetection

    config = MMGroundingDinoConfig(auxiliary_loss=True)
    model: nn.Module = MMGroundingDinoForObjectDetection(config)
    if mode == "hf-full":
        return model
    from peft import LoraConfig, get_peft_model

    linear = [
        name
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear) and ADAPTED.match(name)
    ]
    adapted: nn.Module = get_peft_model(
        model, LoraConfig(r=16, lora_alpha=32, target_modules=linear)
    )
    for name, parameter in adapted.named_parameters():
        parameter.requires_grad_(parameter.requires_grad or IN_FULL in name)
    return adapted


def make_batch(options: argparse.Namespace) -> dict[str, Any]:
    """Return a new batch of noise with boxes, as many as the others get."""
    device = torch.device(options.device)
    words = len(options.names) * 2
    ids = torch.arange(FIRST_WORD, FIRST_WORD + words).reshape(-1, 2)
    ends = torch.full((len(ids), 1), FULL_STOP)
    tokens = torch.cat([ids, ends], dim=1).flatten().tolist()
    row = torch.tensor([[START, *tokens, STOP]], device=device).expand(options.batch, -1)
    size = (options.size, options.size)
    labels = []
    for _ in range(options.batch):
        centres = torch.rand(options.boxes, 2, device=device) * 0.5 + 0.25
        sides = torch.rand(options.boxes, 2, device=device) * 0.3 + 0.05
        classes = torch.arange(options.boxes, device=device) % len(options.names)
        labels.append({"class_labels": classes, "boxes": torch.cat([centres, sides], dim=1)})
    return {
        "pixel_values": torch.randn(options.batch, 3, *size, device=device),
        "pixel_mask": torch.ones(options.batch, *size, dtype=torch.long, device=device),
        "input_ids": row,
        "token_type_ids": torch.zeros_like(row),
        "attention_mask": torch.ones_like(row),
        "labels": labels,
    }


class Peer:
    """A model, its optimizer and its step, with the parts that `train_step.Case` counts."""

    def __init__(self, mode: str, options: argparse.Namespace) -> None:
        """Build everything on the device."""
        torch.manual_seed(0)
        self.model = build_model(mode).to(options.device).train()
        self._options = options
        trained = [p for p in self.model.parameters() if p.requires_grad]
        optimizer = torch.optim.AdamW(trained, lr=1e-4, weight_decay=1e-4)
        self.wrapper = SimpleNamespace(optimizer=optimizer, param_groups=optimizer.param_groups)
        self.trained = trained

    def batch(self) -> dict[str, Any]:
        """Return a new batch on the device."""
        return make_batch(self._options)

    def train(self, batch: dict[str, Any], forward: Any = None) -> None:
        """Train one step as transformers' Trainer does: clip, update, read the loss."""
        options = self._options
        formats = {"bf16": torch.bfloat16, "fp16": torch.float16}
        precise = options.precision not in formats
        with (
            forward or nullcontext(),
            nullcontext()
            if precise
            else torch.autocast(options.device, formats[options.precision]),
        ):
            loss: Tensor = self.model(**batch).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.trained, MAX_NORM)
        self.wrapper.optimizer.step()
        self.wrapper.optimizer.zero_grad()
        float(loss.detach())
